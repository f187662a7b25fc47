import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ended,
  heldModel,
  poll,
  repeatUntil,
  sampleReply,
  submit,
  submitted,
} from '../../contract/job-client.ts'
import { ask, chat, envelopeOf, keys, withKey } from '../../contract/stage.ts'
import { json } from '../../support/upstream-script.ts'
import { JobGateway } from './job-gateway.ts'
import { missingSmallDisk, SmallDisk, smallDiskEntry } from './small-disk.ts'

/** Does not fit into what a full disk has left in its last pages. */
const large = 'x'.repeat(100_000)

test('a full disk: nothing is accepted that is not kept, the rest goes on, and space mends it all', {
  skip: missingSmallDisk,
}, async () => {
  await using stage = await JobGateway.open({ start: { entry: smallDiskEntry } })
  const { gateway, upstream } = stage
  const disk = new SmallDisk(gateway)
  const done = await submitted(gateway, chat('demo/hello'))
  const { text } = await ended(gateway, done)
  const held = heldModel(upstream, json(200, { ...sampleReply, padding: large }))
  const running = await submitted(gateway, chat(held.model))
  await held.arrived()
  disk.fill()
  assert.equal(disk.freeBytes, 0)

  const body = chat('openai/refused', { user: large })
  const refused = await submit(gateway, body, [['idempotency-key', 'refused']])
  assert.deepEqual([refused.status, envelopeOf(refused).error.code], [503, 'storage_unavailable'])
  assert.equal(refused.headers['x-should-retry'], 'true')
  assert.ok(Number(refused.headers['retry-after']) > 0)
  assert.equal(refused.headers['x-bf-async-id'], undefined)

  // The provider has answered, and the answer cannot be kept yet.
  held.release()
  await stage.said('how a job went could not be stored')
  assert.equal((await poll(gateway, running)).headers['x-bf-async-status'], 'processing')
  assert.equal((await poll(gateway, done)).text, text)
  assert.equal((await ask(gateway, { body: chat('demo/hello') })).status, 200)
  assert.equal((await ask(gateway, { path: '/livez' })).status, 200)
  const listed = await ask(gateway, { path: '/v1/async/jobs', headers: withKey(keys.open) })
  assert.equal((listed.json() as { data: unknown[] }).data.length, 2)

  disk.free()
  assert.match((await ended(gateway, running)).text, /"Done\."/)
  assert.equal(stage.asked(held.name), 1)
  // The same submit is a new one: nothing of the refused one was left.
  const again = await submit(gateway, body, [['idempotency-key', 'refused']])
  assert.equal(again.headers['idempotency-replayed'], undefined)
  assert.equal((await ended(gateway, again.headers['x-bf-async-id'] ?? '')).status, 200)
  assert.equal(stage.asked('refused'), 1)
  await repeatUntil(
    () => ask(gateway, { path: '/readyz' }),
    ({ status }) => status === 200,
  )
})
