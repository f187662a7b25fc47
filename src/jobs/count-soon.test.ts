import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { countSoon } from './count-soon.ts'

const counts = { queued: 1, running: 2, oldestQueuedAt: null }

test('a store that answers is believed, and one that hangs is waited for no longer than two seconds', async () => {
  const clock = new ManualClock()
  assert.deepEqual(await countSoon({ countJobs: async () => counts }, clock), counts)
  assert.equal(clock.pending, 0)
  const hanging = Promise.withResolvers<typeof counts>()
  const asked = countSoon({ countJobs: () => hanging.promise }, clock)
  const refused = assert.rejects(asked, { code: 'storage_unavailable' })
  await clock.advance(2000)
  await refused
  hanging.reject(new Error('nobody listens any more'))
  assert.equal(clock.pending, 0)
})
