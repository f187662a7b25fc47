import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startGateway } from '../support/start-gateway.ts'
import { runSluice } from './run-sluice.ts'
import { ask, basic, chat, withKey } from './stage.ts'

const gateway = await startGateway({ noConfig: true })
after(() => gateway.stop('SIGINT'))
const { key, password } = await gateway.firstRun()
const elsewhere = mkdtempSync(join(tmpdir(), 'sluice-elsewhere-'))
after(() => rmSync(elsewhere, { recursive: true, force: true }))
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)
const works = async (port: number): Promise<readonly number[]> => [
  (await ask({ port }, { headers: withKey(key), body: chat('demo/hello') })).status,
  // The admin learns that nothing is there; anybody else would be refused.
  (await ask({ port }, { path: '/api', headers: [['authorization', basic('admin', password)]] }))
    .status,
]

// One story on one data folder, so these run in order.

test('a first run without any setup answers a first call with what it generated', async () => {
  assert.deepEqual(await works(gateway.port), [200, 404])
})

test('secrets are for the eyes of this user alone', () => {
  assert.equal(modeOf(gateway.dataDir), '700')
  assert.equal(modeOf(join(gateway.dataDir, 'first-run.txt')), '600')
  assert.equal(modeOf(join(gateway.dataDir, 'encryption.key')), '600')
})

test('stdout is the listening line alone, and no secret is printed where nobody reads it live', () => {
  assert.equal(gateway.stdout(), `Sluice is listening on ${gateway.url}\n`)
  assert.match(gateway.stderr(), /curl http:\/\/127\.0\.0\.1:\d+\/v1\/chat\/completions/)
  for (const secret of [key, password]) assert.ok(!gateway.stderr().includes(secret))
})

test('the call that the banner shows works as it stands there', async () => {
  const shown = gateway.stderr()
  const command = /^ *export SLUICE_KEY=(.*)$/m.exec(shown)?.[1] ?? ''
  const given = execFileSync('sh', ['-c', `echo "Bearer "${command}`], { encoding: 'utf8' }).trim()
  assert.equal(given, `Bearer ${key}`)
  const [, path = ''] = /curl http:\/\/127\.0\.0\.1:\d+(\S+)/.exec(shown) ?? []
  const body = /-d '(\{.*\})'/.exec(shown)?.[1] ?? ''
  const answer = await ask(gateway, { path, headers: [['Authorization', given]], body })
  assert.equal(answer.status, 200, answer.text)
})

test('nothing but first-run.txt holds the key or the password in clear text', () => {
  const files = readdirSync(gateway.dataDir, { recursive: true, withFileTypes: true })
  for (const file of files.filter((each) => each.isFile() && each.name !== 'first-run.txt')) {
    const bytes = readFileSync(join(file.parentPath, file.name))
    for (const secret of [key, password]) assert.ok(!bytes.includes(secret), file.name)
  }
})

test('a second process on the same data is refused with one paragraph', async () => {
  const { code, stdout, stderr } = await runSluice(['--port', '0', '--data-dir', gateway.dataDir], {
    cwd: elsewhere,
  })
  assert.deepEqual([code, stdout], [1, ''])
  assert.ok(stderr.includes(gateway.dataDir), stderr)
  assert.doesNotMatch(stderr, /\n\s+at /)
  assert.deepEqual(await works(gateway.port), [200, 404])
})

test('a port in use is refused with what to do', async () => {
  const data = join(elsewhere, 'port-in-use')
  const { code, stdout, stderr } = await runSluice(
    ['--port', String(gateway.port), '--data-dir', data],
    { cwd: elsewhere },
  )
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, new RegExp(`Port ${gateway.port} on 127\\.0\\.0\\.1 is in use.*--port 0`))
  assert.doesNotMatch(stderr, /\n\s+at /)
})

test('a second start keeps the key, the password and the file that tells them', async () => {
  const told = join(gateway.dataDir, 'first-run.txt')
  const before = readFileSync(told, 'utf8')
  process.kill(gateway.pid, 'SIGINT')
  assert.deepEqual(await gateway.exited, { code: 0, signal: null })
  await using again = await gateway.restart()
  assert.deepEqual(await works(again.port), [200, 404])
  assert.equal(readFileSync(told, 'utf8'), before)
  process.kill(again.pid, 'SIGINT')
  await again.exited
  const wrong = await runSluice(['--port', '0', '--data-dir', again.dataDir], {
    cwd: elsewhere,
    env: { SLUICE_ENCRYPTION_KEY: 'canary-not-the-one-it-was-made-with' },
  })
  assert.deepEqual([wrong.code, wrong.stdout], [2, ''])
  assert.match(wrong.stderr, /SLUICE_ENCRYPTION_KEY .* is not the one this database was made with/)
  assert.doesNotMatch(wrong.stderr, /canary|\n\s+at /)
})
