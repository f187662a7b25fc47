import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { rawConnect } from '../support/raw-client.ts'
import { event, lastChunk, streamHead, until } from '../support/upstream-script.ts'
import { logLine } from './log-lines.ts'
import { startSluice } from './run-sluice.ts'
import { ask, chat, configFor, keys, openStage, requestBytes, withKey } from './stage.ts'

const fresh = 'sk-bf-00000000-0000-4000-8000-000000000077'
const stage = await openStage({ front: true })
after(() => stage.close())
const { gateway, upstream } = stage
const first = configFor(upstream)
const inForce = 'the configuration was read again and is in force'

/** As editors and orchestrators do: a whole new file under the old name. */
function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

const status = async (key: string): Promise<number> =>
  (await ask(gateway, { headers: withKey(key), body: chat('demo/hello') })).status
const countOf = (text: string): number => gateway.stderr().split(text).length - 1

/** Waits until one more line than before says so. */
async function afterNext(text: string, change: () => void): Promise<void> {
  const before = countOf(text)
  change()
  await logLine(gateway, () => countOf(text) > before)
}

const delta = (content: string, finish: string | null = null): object => ({
  choices: [{ index: 0, delta: { content }, finish_reason: finish }],
})

test('a changed file swaps in while an open stream goes on to its end', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  upstream.on('reload-stream', [
    streamHead(),
    event(delta('one')),
    until(released),
    event(delta('two', 'stop')),
    event('[DONE]'),
    lastChunk(),
  ])
  using client = await rawConnect(gateway.port)
  await client.write(requestBytes({ body: chat('openai/reload-stream', { stream: true }) }))
  await client.readUntil('one')
  const next = {
    ...first,
    // The stream's own provider and its caller's key are gone with this.
    providers: { demo: {} },
    models: {},
    virtual_keys: [{ name: 'fresh', value: fresh }],
  }
  assert.equal(await status(fresh), 401)
  await afterNext(inForce, () => replaceFile(gateway.configFile, JSON.stringify(next)))
  assert.deepEqual([await status(fresh), await status(keys.open)], [200, 401])
  release()
  const rest = (await client.readUntil('0\r\n\r\n')).toString()
  assert.match(rest, /"two".*data: \[DONE\]\n\n/s)
  assert.doesNotMatch(rest, /"error"/)
})

test('a bad file is refused with its place, and the one before stays in force', async () => {
  const bad = 'version: 1\nproviders: { demo: {} }\nvirtual_kees: []\n'
  const refused = 'the configuration is refused; the one before stays in force'
  await afterNext(refused, () => writeFileSync(gateway.configFile, bad))
  const line = await logLine(gateway, ({ msg }) => msg === refused)
  assert.equal(line['level'], 'error')
  assert.match(`${line['reason']}`, /sluice\.yaml:3.*virtual_kees.*virtual_keys/s)
  assert.equal(await status(fresh), 200)
})

test('SIGHUP reads the file again, changed or not', async () => {
  await afterNext(inForce, () => {
    replaceFile(gateway.configFile, JSON.stringify(first))
    process.kill(gateway.pid, 'SIGHUP')
  })
  assert.deepEqual([await status(fresh), await status(keys.open)], [401, 200])
  const before = readFileSync(gateway.configFile, 'utf8')
  await afterNext(inForce, () => process.kill(gateway.pid, 'SIGHUP'))
  assert.equal(readFileSync(gateway.configFile, 'utf8'), before)
})

test('a change of host or port is reported and not applied', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-port-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'sluice.yaml')
  const text = (server: object): string =>
    JSON.stringify({ version: 1, server, providers: { demo: {} } })
  writeFileSync(file, text({ port: 0 }))
  const { child, ended, heard } = startSluice([], { cwd: folder })
  const [, port] = await heard(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
  const answers = async (): Promise<number> =>
    (await ask({ port: Number(port) }, { path: '/livez' })).status
  assert.equal(await answers(), 200)
  writeFileSync(file, text({ port: 1, host: '127.0.0.2' }))
  child.kill('SIGHUP')
  await heard(/"setting":"server\.port","msg":"a changed setting needs a restart"/)
  await heard(/"setting":"server\.host","msg":"a changed setting needs a restart"/)
  assert.equal(await answers(), 200)
  child.kill('SIGINT')
  assert.equal((await ended).code, 0)
})
