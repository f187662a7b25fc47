import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NewJob } from '../src/store/job-store.ts'
import type { Store } from '../src/store/store.ts'
import {
  assertLost,
  claim,
  claimOne,
  ends,
  holdOn,
  read,
  stateOf,
  submit,
  submitMany,
} from './store-suite-fixtures.ts'

const none = { requeued: 0, interrupted: 0, poisoned: 0 }

/** What must hold when those who held jobs are dead. */
export function recoverSuite(store: () => Store): void {
  describe('taking jobs back from the dead', () => {
    /** Submitted, taken by `node-1`, perhaps marked. */
    const orphan = async (isSent: boolean, differences: Partial<NewJob> = {}) => {
      const { id } = await submit(store(), differences)
      const held = holdOn(await claimOne(store(), { leaseUntil: 1e6 }))
      if (isSent) await store().markJobDispatched(held, 101)
      return { id, held }
    }

    it('finds nothing to do where nobody held anything', async () => {
      await submit(store())
      assert.deepEqual(await store().recoverJobs('node-2', true, ends, 200), none)
    })

    it('alone: takes what every other incarnation held, and nothing of its own', async () => {
      const { id, held } = await orphan(false)
      const sent = await orphan(true)
      const { id: own } = await submit(store())
      await claimOne(store(), { node: 'node-2', leaseUntil: 1e6 })
      const recovered = await store().recoverJobs('node-2', true, ends, 200)
      assert.deepEqual(recovered, { ...none, requeued: 2 })
      assert.equal(await stateOf(store(), id), 'queued 1')
      assert.equal(await stateOf(store(), sent.id), 'queued 1')
      assert.equal(await stateOf(store(), own), 'leased 1')
      await assertLost(store(), held)
      await assertLost(store(), sent.held)
    })

    it('not alone: leaves what others hold while they live', async () => {
      const { id } = await orphan(true)
      assert.deepEqual(await store().recoverJobs('node-2', false, ends, 200), none)
      assert.equal(await stateOf(store(), id), 'dispatched 1')
    })

    it('not alone: takes what a node holds that was not heard of for 30 s', async () => {
      const { id, held } = await orphan(true)
      await store().keepJobs('node-1', [held], 1e6, 10_000)
      assert.deepEqual(await store().recoverJobs('node-2', false, ends, 39_999), none)
      assert.deepEqual(await store().recoverJobs('node-2', false, ends, 40_000), {
        ...none,
        requeued: 1,
      })
      assert.equal(await stateOf(store(), id), 'queued 1')
    })

    it('counts taking jobs as being heard of', async () => {
      await submitMany(store(), 'ann', 2)
      await claimOne(store(), { leaseUntil: 1e6 }, 100)
      await claimOne(store(), { leaseUntil: 1e6 }, 20_000)
      assert.deepEqual(await store().recoverJobs('node-2', false, ends, 49_999), none)
      assert.deepEqual(await store().recoverJobs('node-2', false, ends, 50_000), {
        ...none,
        requeued: 2,
      })
    })

    it('takes a lease that has run out, to the millisecond, also of its own', async () => {
      const { id } = await submit(store())
      await claimOne(store(), { leaseUntil: 150 })
      assert.deepEqual(await store().recoverJobs('node-1', false, ends, 149), none)
      assert.deepEqual(await store().recoverJobs('node-1', false, ends, 150), {
        ...none,
        requeued: 1,
      })
      assert.equal(await stateOf(store(), id), 'queued 1')
    })

    it('ends as interrupted what was sent and asked not to be run again', async () => {
      const sent = await orphan(true, { onInterrupt: 'fail' })
      const unsent = await orphan(false, { onInterrupt: 'fail' })
      assert.deepEqual(await store().recoverJobs('node-2', true, ends, 200), {
        requeued: 1,
        interrupted: 1,
        poisoned: 0,
      })
      assert.equal(await stateOf(store(), sent.id), 'failed 1 job_interrupted')
      const { result, completedAt, expiresAt } = await read(store(), sent.id)
      assert.deepEqual(result, ends.interrupted.result)
      assert.deepEqual([completedAt, expiresAt], [200, 1200])
      assert.equal(await stateOf(store(), unsent.id), 'queued 1')
    })

    it('ends as poison what was taken as often as it may be, sent or not', async () => {
      for (const isSent of [false, true]) {
        const { id } = await submit(store(), { maxAttempts: 2 })
        for (const attempt of [1, 2]) {
          const held = holdOn(await claimOne(store(), { leaseUntil: 1e6 }))
          if (isSent) await store().markJobDispatched(held, 101)
          const recovered = await store().recoverJobs('node-2', true, ends, 200)
          const expected = attempt === 1 ? { requeued: 1 } : { poisoned: 1 }
          assert.deepEqual(recovered, { ...none, ...expected })
        }
        assert.equal(await stateOf(store(), id), 'failed 2 poison')
        assert.deepEqual((await read(store(), id)).result, ends.poisoned.result)
        assert.deepEqual(await claim(store()), [])
      }
    })

    it('brings back a body with every attempt', async () => {
      const { id } = await orphan(true)
      await store().recoverJobs('node-2', true, ends, 200)
      const again = await claimOne(store())
      assert.equal(again.id, id)
      assert.equal(Buffer.from(again.body).toString(), '{"model":"openai/gpt-4o"}')
      assert.deepEqual([again.attempt, again.fence], [2, 2])
    })

    it('takes back thousands at once', async () => {
      const jobs = Array.from({ length: 1200 }, () => submit(store()))
      await Promise.all(jobs)
      assert.equal((await claim(store(), { most: 1200, runningPerOwner: 1200 })).length, 1200)
      assert.deepEqual(await store().recoverJobs('node-2', true, ends, 200), {
        ...none,
        requeued: 1200,
      })
      assert.equal((await store().countJobs()).queued, 1200)
    })

    it('takes each back once when two ask at the same time', async () => {
      await submitMany(store(), 'ann', 10)
      await claim(store(), { leaseUntil: 150 })
      const both = await Promise.all(
        ['node-2', 'node-3'].map((node) => store().recoverJobs(node, false, ends, 150)),
      )
      assert.equal(
        both.reduce((sum, { requeued }) => sum + requeued, 0),
        10,
      )
    })

    it('loses nothing that ends at the same moment', async () => {
      const { id } = await submit(store())
      const held = holdOn(await claimOne(store(), { leaseUntil: 150 }))
      const [finished, recovered] = await Promise.all([
        store().finishJob(held, ends.poisoned, 150),
        store().recoverJobs('node-2', false, ends, 150),
      ])
      assert.equal(recovered.requeued, finished ? 0 : 1)
      assert.equal(await stateOf(store(), id), finished ? 'failed 1 poison' : 'queued 1')
    })
  })
}
