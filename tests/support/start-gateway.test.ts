import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { rawConnect } from './raw-client.ts'
import { startGateway } from './start-gateway.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-entry-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function entryOf(code: string): string {
  const file = join(folder, `entry-${crypto.randomUUID()}.mjs`)
  writeFileSync(file, code)
  return file
}

const listens = `
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
const flag = (name) => process.argv[process.argv.indexOf(name) + 1]
const data = flag('--data-dir')
mkdirSync(data, { recursive: true })
writeFileSync(data + '/first-run.txt', 'key: sk-bf-00000000-0000-4000-8000-000000000000\\npassword: pass-word\\n')
process.stderr.write(JSON.stringify({ args: process.argv.slice(2), env: process.env }))
const server = createServer((socket) => socket.write('accepted')).listen(Number(flag('--port')), '127.0.0.1', () =>
  console.log('Sluice is listening on http://127.0.0.1:' + server.address().port))
process.on('SIGINT', () => process.exit(0))
process.on('SIGTERM', () => process.exit(0))
`

test('a started gateway tells its address, its first run and its sockets', async () => {
  await using gateway = await startGateway({ entry: entryOf(listens), env: { MARK: 'x' } })
  assert.deepEqual(await gateway.firstRun(), {
    key: 'sk-bf-00000000-0000-4000-8000-000000000000',
    password: 'pass-word',
  })
  assert.equal(gateway.sockets(), 0)
  using client = await rawConnect(gateway.port)
  await client.readUntil('accepted')
  assert.equal(gateway.sockets(), 1)
  assert.ok(gateway.rssKb() > 1_000)
  assert.ok(gateway.fds() > 3)
  const { args, env } = JSON.parse(gateway.stderr())
  assert.ok(args.includes(gateway.configFile))
  assert.deepEqual(Object.keys(env).sort(), ['HOME', 'MARK', 'PATH'])
  const data = gateway.dataDir
  await gateway.stop()
  assert.equal((await client.closed).how, 'fin')
  assert.deepEqual(await gateway.exited, { code: 0, signal: null })
  assert.equal(existsSync(dirname(data)), false)
})

test('a killed gateway starts again on the same data', async () => {
  const first = await startGateway({ entry: entryOf(listens), noConfig: true })
  await first.kill()
  assert.deepEqual(await first.exited, { code: null, signal: 'SIGKILL' })
  await using second = await first.restart()
  await first.stop()
  assert.equal(second.dataDir, first.dataDir)
  assert.ok(existsSync(second.dataDir))
  assert.ok(!second.stderr().includes('--config'))
})

test('a gateway that ends before it listens rejects with what it said', async () => {
  const entry = entryOf('process.stderr.write("no such provider"); process.exit(2)')
  await assert.rejects(startGateway({ entry }), /code 2.*no such provider/s)
})
