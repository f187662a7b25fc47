import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
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
  success,
} from './store-suite-fixtures.ts'

/** What must hold when workers take jobs. */
export function claimSuite(store: () => Store): void {
  describe('taking jobs', () => {
    const ownersOf = async (differences = {}) =>
      (await claim(store(), differences)).map(({ owner }) => owner).join(' ')

    it('gives everything a worker needs, and counts the attempt before any work', async () => {
      const job = await submit(store(), { payloadVersion: 1 }, 7)
      const [taken, ...others] = await claim(store())
      assert.deepEqual(others, [])
      assert.deepEqual(taken, {
        id: job.id,
        fence: 1,
        owner: 'ann',
        route: job.route,
        model: job.model,
        attempt: 1,
        createdAt: 7,
        context: job.context,
        body: new Uint8Array(job.body),
      })
      assert.equal(await stateOf(store(), job.id), 'leased 1')
    })

    it('gives nothing when nothing waits, and nothing twice', async () => {
      assert.deepEqual(await claim(store()), [])
      await submit(store())
      assert.equal((await claim(store())).length, 1)
      assert.deepEqual(await claim(store()), [])
    })

    it('takes at most so many, of one owner the oldest first', async () => {
      const ids = await submitMany(store(), 'ann', 5)
      const taken = async () => (await claim(store(), { most: 2 })).map(({ id }) => id)
      assert.deepEqual(await taken(), ids.slice(0, 2))
      assert.deepEqual(await taken(), ids.slice(2, 4))
      assert.deepEqual(await taken(), ids.slice(4))
      assert.deepEqual(await claim(store(), { most: 0 }), [])
    })

    it('takes from each owner in turn, however long the queues are', async () => {
      await submitMany(store(), 'ann', 20)
      await submitMany(store(), 'bob', 3, 50)
      await submitMany(store(), 'cy', 1, 60)
      assert.equal(await ownersOf({ most: 9 }), 'ann bob cy ann bob ann bob ann ann')
    })

    it('takes first of the owner with the fewest running', async () => {
      await submitMany(store(), 'ann', 5)
      await claim(store(), { most: 3 })
      await submitMany(store(), 'bob', 5, 50)
      assert.equal(await ownersOf({ most: 4 }), 'bob bob bob ann')
    })

    it('goes on with the turns where the last time ended, also when nothing runs any more', async () => {
      await submitMany(store(), 'ann', 4)
      await submitMany(store(), 'bob', 4)
      await submitMany(store(), 'cy', 4)
      const served: string[] = []
      for (let i = 0; i < 7; i++) {
        const taken = await claimOne(store())
        served.push(taken.owner)
        await store().finishJob(taken, success, 101)
      }
      assert.equal(served.join(' '), 'ann bob cy ann bob cy ann')
    })

    it('lets one owner run so many at once on all nodes together, and others go on', async () => {
      await submitMany(store(), 'ann', 5)
      await submitMany(store(), 'bob', 1, 50)
      const rules = { runningPerOwner: 2 }
      assert.equal(await ownersOf(rules), 'ann bob ann')
      assert.equal(await ownersOf({ ...rules, node: 'node-2' }), '')
      const [held] = await claim(store(), { runningPerOwner: 3 })
      assert.equal(held?.owner, 'ann')
      await store().finishJob(held, success, 101)
      assert.equal(await ownersOf({ runningPerOwner: 3 }), 'ann')
    })

    it('leaves jobs in a form it does not know for those who do', async () => {
      const newer = await submit(store(), { payloadVersion: 2 }, 1)
      const known = await submit(store(), { payloadVersion: 1 }, 2)
      await submit(store(), { payloadVersion: 2, owner: 'bob' }, 3)
      assert.deepEqual(
        (await claim(store())).map(({ id }) => id),
        [known.id],
      )
      assert.equal(await stateOf(store(), newer.id), 'queued 0')
      assert.equal(await ownersOf({ payloadVersion: 2 }), 'bob ann')
    })

    it('gives no job to two who ask at the same time', async () => {
      const ids = await submitMany(store(), 'ann', 40)
      const taken = await Promise.all(
        Array.from({ length: 20 }, (_, i) => claim(store(), { most: 3, node: `node-${i}` })),
      )
      assert.deepEqual(
        taken
          .flat()
          .map(({ id }) => id)
          .toSorted(),
        ids.toSorted(),
      )
    })
  })

  describe('holding a job', () => {
    it('marks it once, before anything is sent', async () => {
      const { id } = await submit(store())
      const held = holdOn(await claimOne(store()))
      assert.equal(await store().markJobDispatched(held, 101), true)
      assert.equal(await stateOf(store(), id), 'dispatched 1')
      assert.equal(await store().markJobDispatched(held, 102), false)
    })

    it('keeps it from being taken back as long as the worker says so', async () => {
      const { id } = await submit(store())
      const held = holdOn(await claimOne(store(), { leaseUntil: 150 }))
      assert.deepEqual(await store().keepJobs('node-1', [held], 250, 149), [])
      await store().recoverJobs('node-2', false, ends, 249)
      assert.equal(await stateOf(store(), id), 'leased 1')
      await store().recoverJobs('node-2', false, ends, 250)
      assert.equal(await stateOf(store(), id), 'queued 1')
    })

    it('prolongs only what the worker says it holds', async () => {
      const [kept = '', lost = ''] = await submitMany(store(), 'ann', 2)
      const [first] = await claim(store(), { leaseUntil: 150 })
      assert.ok(first)
      await store().keepJobs('node-1', [holdOn(first)], 250, 149)
      assert.deepEqual(await store().keepJobs('node-1', [], 350, 149), [])
      await store().recoverJobs('node-2', false, ends, 200)
      assert.equal(await stateOf(store(), kept), 'leased 1')
      assert.equal(await stateOf(store(), lost), 'queued 1')
    })

    it('tells the ids that are held no more, each for its reason', async () => {
      const ids = await submitMany(store(), 'ann', 5)
      const held = (await claim(store())).map(holdOn)
      const [done, cancelled, back, taken, stays] = held
      assert.ok(done && cancelled && back && taken && stays)
      await store().finishJob(done, success, 101)
      await store().cancelJob(cancelled.id, null, ends.interrupted, 101)
      await store().handBackJob(back, ends, 101)
      await store().handBackJob(taken, ends, 101)
      await claim(store(), { node: 'node-2', most: 2 })
      const unknown = { id: 'nobody', fence: 1 }
      assert.deepEqual(
        new Set(await store().keepJobs('node-1', [...held, unknown], 1e6, 102)),
        new Set([...ids.slice(0, 4), 'nobody']),
      )
    })

    it('tells a node that took a job again that its earlier claim is lost', async () => {
      await submit(store())
      const early = holdOn(await claimOne(store(), { leaseUntil: 110 }))
      await store().recoverJobs('node-2', false, ends, 110)
      const late = holdOn(await claimOne(store()))
      assert.equal(late.fence, early.fence + 1)
      assert.deepEqual(await store().keepJobs('node-1', [early], 1e6, 111), [early.id])
      assert.deepEqual(await store().keepJobs('node-1', [late], 1e6, 111), [])
    })
  })

  describe('a lost claim', () => {
    it('changes nothing when another has the job', async () => {
      const { id } = await submit(store())
      const early = holdOn(await claimOne(store(), { leaseUntil: 110 }))
      await store().recoverJobs('node-2', false, ends, 120)
      const late = holdOn(await claimOne(store(), { node: 'node-2' }, 121))
      await assertLost(store(), early)
      assert.equal(await store().markJobDispatched(late, 200), true)
      await assertLost(store(), early)
      assert.equal(await store().finishJob(late, success, 200), true)
      await assertLost(store(), early)
      assert.deepEqual((await read(store(), id)).result, success.result)
    })

    it('changes nothing when the job waits again, or is final, or unknown', async () => {
      await submit(store())
      const held = holdOn(await claimOne(store(), { leaseUntil: 110 }))
      await store().recoverJobs('node-2', false, ends, 120)
      await assertLost(store(), held)
      const again = holdOn(await claimOne(store(), {}, 121))
      await store().finishJob(again, success, 122)
      await assertLost(store(), again)
      await assertLost(store(), { id: 'nobody', fence: 1 })
    })
  })
}
