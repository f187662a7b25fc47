import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { createGateway, type RunningGateway } from '../../src/index.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { submit } from './job-client.ts'
import { ask, chat, keys, withKey } from './stage.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-embedded-'))
  mkdirSync(path.join(folder, 'data'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function open(port = 0, graceMs = 100): Promise<RunningGateway> {
  const file = path.join(folder, 'sluice.yaml')
  writeFileSync(
    file,
    JSON.stringify({
      version: 1,
      server: { drain: { grace: `${graceMs}ms` } },
      providers: { demo: {} },
      virtual_keys: [{ name: 'open', value: keys.open }],
    }),
  )
  return createGateway({ config: file, port, dataDir: path.join(folder, 'data') })
}

const portOf = ({ url }: RunningGateway) => ({ port: Number(new URL(url).port) })

async function readJob(id: string) {
  const store = await openSqliteStore({ file: path.join(folder, 'data/sluice.db') })
  try {
    return await store.findJob(id, 0)
  } finally {
    await store.close()
  }
}

/** Submits a job that takes a minute and waits until it is at work. */
async function slowJob(gateway: RunningGateway): Promise<string> {
  const id = (await submit(portOf(gateway), chat('demo/slow-60s'))).headers['x-bf-async-id'] ?? ''
  const headers = [...withKey(keys.open), ['x-bf-async-id', id]] as const
  for (;;) {
    const answer = await ask(portOf(gateway), { headers, body: {} })
    if (answer.headers['x-bf-async-status'] === 'processing') return id
  }
}

test('closing cuts a job after the grace and gives it back, however often it is asked for', async () => {
  const gateway = await open()
  const id = await slowJob(gateway)
  const first = gateway.close()
  assert.equal(gateway.close(), first)
  await first
  const job = await readJob(id)
  assert.deepEqual([job?.state, job?.attempt], ['queued', 1])
})

test('a gateway that cannot listen takes no job up and leaves nothing behind', async () => {
  const before = await open()
  const id = await slowJob(before)
  await before.close()
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const armed = timers()
  const { port } = taken.address() as { port: number }
  await assert.rejects(open(port), { code: 'EADDRINUSE' })
  assert.equal(timers(), armed)
  taken.close()
  const job = await readJob(id)
  assert.deepEqual([job?.state, job?.attempt], ['queued', 1])
})
