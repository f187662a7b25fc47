import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Store } from '../src/store/store.ts'
import {
  assertLost,
  claimOne,
  ends,
  failure,
  holdOn,
  newJob,
  queued,
  read,
  roomy,
  stateOf,
  submit,
  success,
} from './store-suite-fixtures.ts'

const cancelled = failure('job_cancelled', 409)

/** What must hold when jobs end. */
export function endSuite(store: () => Store): void {
  describe('ending a job', () => {
    it('stores state and result together, from either state of a running one', async () => {
      for (const isSent of [false, true]) {
        const job = await submit(store(), { ttlMs: 5000 }, 3)
        const held = holdOn(await claimOne(store()))
        if (isSent) await store().markJobDispatched(held, 101)
        assert.equal(await store().finishJob(held, success, 150), true)
        assert.deepEqual(await store().findJob(job.id, 200), {
          ...queued(job, 3),
          state: 'succeeded',
          attempt: 1,
          completedAt: 150,
          expiresAt: 5150,
          statusCode: 200,
          result: success.result,
        })
      }
    })

    it('keeps the envelope of a failure like a result', async () => {
      const { id } = await submit(store())
      await store().finishJob(await claimOne(store()), failure('upstream_timeout', 504), 150)
      const job = await read(store(), id)
      assert.deepEqual(
        [job.state, job.statusCode, job.errorCode],
        ['failed', 504, 'upstream_timeout'],
      )
      assert.deepEqual(job.result, failure('upstream_timeout', 504).result)
    })

    it('happens once: a second end changes nothing', async () => {
      const { id } = await submit(store())
      const held = holdOn(await claimOne(store()))
      const outcomes = await Promise.all([
        store().finishJob(held, success, 150),
        store().finishJob(held, failure('upstream_error'), 151),
      ])
      assert.deepEqual(outcomes.toSorted(), [false, true])
      const { result } = await read(store(), id)
      assert.deepEqual(result, outcomes[0] ? success.result : failure('upstream_error').result)
    })
  })

  describe('handing a job back', () => {
    it('leaves what was not sent as if it had never been taken', async () => {
      const { id } = await submit(store(), { onInterrupt: 'fail', maxAttempts: 1 })
      const held = holdOn(await claimOne(store()))
      assert.equal(await store().handBackJob(held, ends, 101), true)
      assert.equal(await stateOf(store(), id), 'queued 0')
      await assertLost(store(), held)
      const again = await claimOne(store())
      assert.equal(again.attempt, 1)
      assert.equal(again.fence, 2)
      await assertLost(store(), held)
    })

    it('lets what was sent wait again, and counts the attempt', async () => {
      const { id } = await submit(store(), { maxAttempts: 2 })
      const held = holdOn(await claimOne(store()))
      await store().markJobDispatched(held, 101)
      assert.equal(await store().handBackJob(held, ends, 102), true)
      assert.equal(await stateOf(store(), id), 'queued 1')
      await assertLost(store(), held)
    })

    it('ends what was sent as interrupted where that was asked for', async () => {
      const { id } = await submit(store(), { onInterrupt: 'fail' })
      const held = holdOn(await claimOne(store()))
      await store().markJobDispatched(held, 101)
      assert.equal(await store().handBackJob(held, ends, 102), true)
      assert.equal(await stateOf(store(), id), 'failed 1 job_interrupted')
      assert.deepEqual((await read(store(), id)).result, ends.interrupted.result)
      await assertLost(store(), held)
    })

    it('ends what was sent as poison when it was taken as often as it may be', async () => {
      const { id } = await submit(store(), { maxAttempts: 1 })
      const held = holdOn(await claimOne(store()))
      await store().markJobDispatched(held, 101)
      assert.equal(await store().handBackJob(held, ends, 102), true)
      assert.equal(await stateOf(store(), id), 'failed 1 poison')
    })

    it('keeps its place before what was handed in later', async () => {
      const { id } = await submit(store(), {}, 1)
      await submit(store(), {}, 2)
      await store().handBackJob(await claimOne(store()), ends, 101)
      assert.equal((await claimOne(store())).id, id)
    })
  })

  describe('cancelling a job', () => {
    it('ends one that waits, so that nobody takes it', async () => {
      const { id } = await submit(store())
      assert.equal(await store().cancelJob(id, 'ann', cancelled, 50), 'cancelled')
      assert.deepEqual((await read(store(), id)).result, cancelled.result)
      const { state, statusCode, errorCode, completedAt, expiresAt } = await read(store(), id)
      assert.deepEqual(
        [state, statusCode, errorCode, completedAt, expiresAt],
        ['failed', 409, 'job_cancelled', 50, 1050],
      )
      assert.deepEqual(await store().countJobs(), { queued: 0, running: 0, oldestQueuedAt: null })
    })

    it('ends one that is taken or sent, and its worker loses it', async () => {
      for (const isSent of [false, true]) {
        const { id } = await submit(store())
        const held = holdOn(await claimOne(store()))
        if (isSent) await store().markJobDispatched(held, 101)
        assert.equal(await store().cancelJob(id, 'ann', cancelled, 102), 'cancelled')
        await assertLost(store(), held)
        assert.equal(await stateOf(store(), id), 'failed 1 job_cancelled')
      }
    })

    it('leaves one alone that is final', async () => {
      const { id } = await submit(store())
      await store().finishJob(await claimOne(store()), success, 150)
      assert.equal(await store().cancelJob(id, 'ann', cancelled, 151), 'final')
      assert.deepEqual((await read(store(), id)).result, success.result)
      const other = await submit(store())
      await store().cancelJob(other.id, 'ann', cancelled, 152)
      assert.equal(await store().cancelJob(other.id, null, cancelled, 153), 'final')
    })

    it('knows no job of another owner, except for who may see all', async () => {
      const { id } = await submit(store())
      assert.equal(await store().cancelJob(id, 'bob', cancelled, 50), 'unknown')
      assert.equal(await store().cancelJob('nobody', 'ann', cancelled, 50), 'unknown')
      assert.equal(await store().cancelJob('nobody', null, cancelled, 50), 'unknown')
      assert.equal(await stateOf(store(), id), 'queued 0')
      assert.equal(await store().cancelJob(id, null, cancelled, 51), 'cancelled')
      assert.equal(await store().cancelJob(id, 'bob', cancelled, 52), 'unknown')
    })

    it('makes room in the queue', async () => {
      const { id } = await submit(store())
      const limits = { ...roomy, queued: 1, bytes: 100 }
      assert.equal((await store().submitJob(newJob(), limits, 2)).kind, 'full')
      await store().cancelJob(id, 'ann', cancelled, 3)
      const body = Buffer.alloc(100)
      assert.equal((await store().submitJob(newJob({ body }), limits, 4)).kind, 'created')
    })

    it('and its completion at the same time: one of the two happens, whole', async () => {
      for (let round = 0; round < 10; round++) {
        const { id } = await submit(store())
        const held = holdOn(await claimOne(store()))
        const [finished, cancelling] = await Promise.all([
          store().finishJob(held, success, 150),
          store().cancelJob(id, 'ann', cancelled, 150),
        ])
        assert.equal(cancelling, finished ? 'final' : 'cancelled')
        const { result } = await read(store(), id)
        assert.deepEqual(result, finished ? success.result : cancelled.result)
      }
    })
  })
}
