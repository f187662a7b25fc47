import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JobStatus } from '../src/core/job.ts'
import type { JobFilter } from '../src/store/job-store.ts'
import type { Store } from '../src/store/store.ts'
import {
  claim,
  claimOne,
  failure,
  read,
  submit,
  submitMany,
  success,
} from './store-suite-fixtures.ts'

const everything: JobFilter = { owner: null, status: null, limit: 100, after: null }

/** What must hold when jobs are looked at, and when their time is over. */
export function findSuite(store: () => Store): void {
  describe('looking at jobs', () => {
    const list = async (differences: Partial<JobFilter> = {}, now = 500) =>
      (await store().listJobs({ ...everything, ...differences }, now)).map(({ id }) => id)

    it('finds nothing under an unknown id', async () => {
      assert.equal(await store().findJob('nobody', 1), null)
    })

    it('lists the newest first, of one owner or of all', async () => {
      const [a = '', b = ''] = await submitMany(store(), 'ann', 2, 10)
      const [c = ''] = await submitMany(store(), 'bob', 1, 12)
      assert.deepEqual(await list(), [c, b, a])
      assert.deepEqual(await list({ owner: 'ann' }), [b, a])
      assert.deepEqual(await list({ owner: 'nobody' }), [])
    })

    it('lists jobs without their results, as they are found', async () => {
      const { id } = await submit(store())
      await store().finishJob(await claimOne(store()), success, 101)
      const { result, ...job } = await read(store(), id)
      assert.ok(result)
      assert.deepEqual(await store().listJobs(everything, 200), [job])
    })

    it('goes on after the last of a page, also among jobs of one moment', async () => {
      const ids = new Set<string>()
      for (let i = 0; i < 7; i++) ids.add((await submit(store(), {}, 10)).id)
      const pages: string[] = []
      for (let page = await list({ limit: 3 }); page.length > 0; ) {
        assert.ok(page.length <= 3)
        pages.push(...page)
        page = await list({ limit: 3, after: page.at(-1) ?? null })
      }
      assert.deepEqual(new Set(pages), ids)
      assert.equal(pages.length, 7)
    })

    it('has no page after a job that is unknown or somebody else’s', async () => {
      const [mine = ''] = await submitMany(store(), 'ann', 1)
      const [theirs = ''] = await submitMany(store(), 'bob', 1, 10)
      assert.deepEqual(await list({ after: 'nobody' }), [])
      assert.deepEqual(await list({ owner: 'ann', after: theirs }), [])
      assert.deepEqual(await list({ after: theirs }), [mine])
    })

    it('lists by status, for one owner and for all', async () => {
      const [done = '', failed = '', sent = '', leased = '', waits = ''] = await submitMany(
        store(),
        'ann',
        5,
      )
      const taken = await claim(store(), { most: 4 })
      const [first, second, third] = taken
      assert.ok(first && second && third)
      await store().finishJob(first, success, 101)
      await store().finishJob(second, failure('upstream_error', 502), 101)
      await store().markJobDispatched(third, 101)
      const expected: Record<JobStatus, string[]> = {
        completed: [done],
        failed: [failed],
        processing: [leased, sent],
        pending: [waits],
      }
      for (const [status, ids] of Object.entries(expected))
        for (const owner of ['ann', null])
          assert.deepEqual(await list({ owner, status: status as JobStatus }), ids)
    })

    it('counts what waits and what runs, and since when the oldest waits', async () => {
      assert.deepEqual(await store().countJobs(), { queued: 0, running: 0, oldestQueuedAt: null })
      await submitMany(store(), 'ann', 4, 10)
      const [first, second] = await claim(store(), { most: 2 })
      assert.ok(first && second)
      await store().markJobDispatched(second, 101)
      assert.deepEqual(await store().countJobs(), { queued: 2, running: 2, oldestQueuedAt: 12 })
      await store().finishJob(first, success, 102)
      assert.deepEqual(await store().countJobs(), { queued: 2, running: 1, oldestQueuedAt: 12 })
    })
  })

  describe('the end of a job’s time', () => {
    const finished = async (ttlMs: number, now: number): Promise<string> => {
      const { id } = await submit(store(), { ttlMs })
      await store().finishJob(await claimOne(store()), success, now)
      return id
    }

    it('counts from its completion and is kept to the millisecond, without a sweeper', async () => {
      const id = await finished(1000, 150)
      const { completedAt, expiresAt } = await read(store(), id, 1149)
      assert.deepEqual([completedAt, expiresAt], [150, 1150])
      assert.equal((await store().listJobs(everything, 1149)).length, 1)
      assert.equal(await store().findJob(id, 1150), null)
      assert.deepEqual(await store().listJobs(everything, 1150), [])
      assert.equal(await store().cancelJob(id, 'ann', failure('job_cancelled'), 1150), 'unknown')
    })

    it('does not come for what waits or runs', async () => {
      const [runs = '', waits = ''] = await submitMany(store(), 'ann', 2)
      await claim(store(), { most: 1 })
      assert.equal(await store().sweepJobs(100, 1e12), 0)
      assert.equal((await read(store(), runs, 1e12)).state, 'leased')
      assert.equal((await read(store(), waits, 1e12)).state, 'queued')
    })

    it('lets the sweeper remove what has expired, at most so many at once', async () => {
      for (let i = 0; i < 5; i++) await finished(1000, 100 + i)
      const kept = await finished(5000, 100)
      assert.equal(await store().sweepJobs(100, 1099), 0)
      assert.equal(await store().sweepJobs(3, 1104), 3)
      assert.equal(await store().sweepJobs(3, 1104), 2)
      assert.equal(await store().sweepJobs(3, 1104), 0)
      // Before any of them had expired: what is still there would be found.
      assert.deepEqual(
        (await store().listJobs(everything, 200)).map(({ id }) => id),
        [kept],
      )
    })

    it('lets the sweeper remove keys whose time is over, in the same bounds', async () => {
      for (const idempotencyKey of ['a', 'b', 'c'])
        await submit(store(), { idempotencyKey, idempotentUntil: 1000 })
      assert.equal(await store().sweepJobs(10, 999), 0)
      assert.equal(await store().sweepJobs(2, 1000), 2)
      assert.equal(await store().sweepJobs(2, 1000), 1)
      assert.equal((await store().countJobs()).queued, 3)
    })
  })
}
