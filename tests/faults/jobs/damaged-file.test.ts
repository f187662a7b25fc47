import assert from 'node:assert/strict'
import { closeSync, fstatSync, openSync, rmSync, writeSync } from 'node:fs'
import { test } from 'node:test'
import { ended, poll, sampleReply, submit, submitted } from '../../contract/job-client.ts'
import { ask, chat, envelopeOf } from '../../contract/stage.ts'
import { json } from '../../support/upstream-script.ts'
import { JobGateway } from './job-gateway.ts'

const pageBytes = 4096
/** Together more than the log holds before it is written into the file, and more than is kept in memory. */
const results = { count: 6, sizeBytes: 1_000_000 }

/** Makes garbage of every page but the first, which says what the file is. */
function damage(file: string): void {
  const fd = openSync(file, 'r+')
  const garbage = Buffer.alloc(pageBytes, 0xff)
  for (let at = pageBytes; at < fstatSync(fd).size; at += pageBytes)
    writeSync(fd, garbage, 0, pageBytes, at)
  closeSync(fd)
}

test('a damaged database fails what needs it, says so, and calls go on; the next start refuses it', async () => {
  await using stage = await JobGateway.open()
  const { gateway, upstream } = stage
  const ids: string[] = []
  for (let i = 0; i < results.count; i++) {
    const padding = 'x'.repeat(results.sizeBytes)
    upstream.on(`large-${i}`, json(200, { ...sampleReply, padding }))
    const id = await submitted(gateway, chat(`openai/large-${i}`))
    assert.equal((await ended(gateway, id)).status, 200)
    ids.push(id)
  }
  damage(stage.databaseFile)
  const first = await poll(gateway, ids[0] ?? '')
  assert.deepEqual([first.status, envelopeOf(first).error.code], [503, 'storage_unavailable'])
  assert.equal((await ask(gateway, { path: '/readyz' })).status, 503)
  await stage.said('database disk image is malformed')
  const refused = await submit(gateway, chat('demo/hello'))
  assert.deepEqual([refused.status, envelopeOf(refused).error.code], [503, 'storage_unavailable'])
  assert.equal((await ask(gateway, { body: chat('demo/hello') })).status, 200)
  assert.equal((await ask(gateway, { path: '/livez' })).status, 200)
  await gateway.kill()
  await assert.rejects(stage.restart(), /ended with code 1.*\n.*sluice\.db is damaged: restore it/)
})

test('a database that was removed under the gateway takes no more jobs', async () => {
  await using stage = await JobGateway.open()
  const { gateway } = stage
  await ended(gateway, await submitted(gateway, chat('demo/hello')))
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${stage.databaseFile}${suffix}`)
  const answer = await submit(gateway, chat('demo/hello'))
  assert.deepEqual([answer.status, envelopeOf(answer).error.code], [503, 'storage_unavailable'])
  assert.equal((await ask(gateway, { body: chat('demo/hello') })).status, 200)
})
