import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Submitted } from '../src/store/job-store.ts'
import type { Store } from '../src/store/store.ts'
import {
  claim,
  claimOne,
  ends,
  newJob,
  queued,
  roomy,
  submit,
  submitMany,
  success,
} from './store-suite-fixtures.ts'

const kindOf = (submitted: Submitted): string =>
  submitted.kind === 'full' ? `full ${submitted.limit}` : submitted.kind

/** What must hold when a job is handed in. */
export function submitSuite(store: () => Store): void {
  describe('handing a job in', () => {
    it('makes it, and it can be found as it was answered', async () => {
      const job = newJob()
      const submitted = await store().submitJob(job, roomy, 7)
      assert.deepEqual(submitted, { kind: 'created', job: queued(job, 7) })
      assert.deepEqual(await store().findJob(job.id, 8), queued(job, 7))
    })

    it('leaves the caller the bytes it handed in', async () => {
      const whole = Buffer.from('before {"the":"body"} after')
      const { id } = await submit(store(), { body: whole.subarray(7, 21) })
      assert.equal(whole.toString(), 'before {"the":"body"} after')
      const taken = await claimOne(store())
      assert.equal(taken.id, id)
      assert.equal(Buffer.from(taken.body).toString(), '{"the":"body"}')
    })

    it('keeps bodies and results of 10 MiB byte for byte', async () => {
      const size = 10 * 1024 * 1024
      const body = new Uint8Array(size).map((_, i) => (i * 31 + (i >> 8)) % 256)
      const { id } = await submit(store(), { body })
      const taken = await claimOne(store())
      assert.equal(Buffer.compare(taken.body, body), 0)
      const result = body.toReversed()
      assert.equal(await store().finishJob(taken, { ...success, result }, 101), true)
      const found = await store().findJob(id, 102)
      assert.ok(found?.result)
      assert.equal(Buffer.compare(found.result, result), 0)
    })

    it('keeps an empty body, and an empty result', async () => {
      await submit(store(), { body: new Uint8Array() })
      const taken = await claimOne(store())
      assert.deepEqual(taken.body, new Uint8Array())
      await store().finishJob(taken, { ...success, result: new Uint8Array() }, 101)
      assert.deepEqual((await store().findJob(taken.id, 102))?.result, new Uint8Array())
    })

    it('fails for an id that is taken, and leaves nothing of it', async () => {
      const first = await submit(store())
      const again = newJob({ id: first.id, idempotencyKey: 'k', idempotentUntil: 1e6 })
      await assert.rejects(store().submitJob(again, roomy, 2), { code: 'storage_unavailable' })
      const other = newJob({ idempotencyKey: 'k', idempotentUntil: 1e6 })
      assert.equal(kindOf(await store().submitJob(other, roomy, 3)), 'created')
    })
  })

  describe('an idempotency key', () => {
    const keyed = { idempotencyKey: 'k', idempotentUntil: 1000, fingerprint: 'f' }

    it('gives a repeat the first job as it stands', async () => {
      const first = await submit(store(), keyed)
      const repeat = () => store().submitJob(newJob(keyed), roomy, 500)
      assert.deepEqual(await repeat(), { kind: 'known', job: queued(first, 1) })
      const taken = await claimOne(store())
      await store().finishJob(taken, success, 200)
      assert.deepEqual(await repeat(), { kind: 'known', job: await store().findJob(first.id, 500) })
      assert.equal((await store().countJobs()).queued, 0)
    })

    it('refuses another request under it', async () => {
      await submit(store(), keyed)
      const other = newJob({ ...keyed, fingerprint: 'g' })
      assert.deepEqual(await store().submitJob(other, roomy, 2), { kind: 'key_reused' })
      assert.equal(await store().findJob(other.id, 3), null)
    })

    it('is one key for each owner and each route', async () => {
      await submit(store(), keyed)
      await submit(store(), { ...keyed, owner: 'bob' })
      await submit(store(), { ...keyed, route: '/v1/async/chat/completions' })
    })

    it('is free when its time is over, to the millisecond', async () => {
      await submit(store(), keyed)
      const other = { ...keyed, fingerprint: 'g', idempotentUntil: 5000 }
      const submitAt = async (now: number) =>
        kindOf(await store().submitJob(newJob(other), roomy, now))
      assert.equal(await submitAt(999), 'key_reused')
      assert.equal(await submitAt(1000), 'created')
      assert.equal(await submitAt(4999), 'known')
    })

    it('makes a new job when the known one has expired, and is that one’s from then on', async () => {
      const longer = { ...keyed, idempotentUntil: 9000 }
      await submit(store(), longer)
      await store().finishJob(await claimOne(store()), success, 100)
      assert.equal(kindOf(await store().submitJob(newJob(longer), roomy, 1099)), 'known')
      const changed = newJob({ ...longer, fingerprint: 'g' })
      assert.deepEqual(await store().submitJob(changed, roomy, 1100), { kind: 'key_reused' })
      const second = newJob(longer)
      assert.equal(kindOf(await store().submitJob(second, roomy, 1100)), 'created')
      const repeat = await store().submitJob(newJob(longer), roomy, 1101)
      assert.equal(repeat.kind === 'known' && repeat.job.id, second.id)
    })

    it('makes one job of fifty repeats at the same time', async () => {
      const submitted = await Promise.all(
        Array.from({ length: 50 }, () => store().submitJob(newJob(keyed), roomy, 1)),
      )
      const created = submitted.filter(({ kind }) => kind === 'created')
      assert.equal(created.length, 1)
      const ids = new Set(submitted.map((one) => 'job' in one && one.job.id))
      assert.equal(ids.size, 1)
      assert.equal((await store().countJobs()).queued, 1)
    })
  })

  describe('a repeat without a key', () => {
    const same = { fingerprint: 'f' }

    it('is the latest job of that owner and fingerprint made since', async () => {
      await submit(store(), same, 10)
      const latest = await submit(store(), same, 20)
      const submitted = await store().submitJob(newJob({ ...same, sameSince: 20 }), roomy, 30)
      assert.deepEqual(submitted, { kind: 'known', job: queued(latest, 20) })
    })

    it('is a new job when there is none so young, of that owner, with that fingerprint', async () => {
      await submit(store(), same, 10)
      await submit(store(), { ...same, sameSince: 11 }, 12)
      await submit(store(), { ...same, owner: 'bob', sameSince: 0 }, 12)
      await submit(store(), { fingerprint: 'g', sameSince: 0 }, 12)
    })

    it('is a new job when the one that is meant has expired', async () => {
      await submit(store(), same, 10)
      await store().finishJob(await claimOne(store()), success, 100)
      const submitAt = async (now: number) =>
        kindOf(await store().submitJob(newJob({ ...same, sameSince: 0 }), roomy, now))
      assert.equal(await submitAt(1099), 'known')
      assert.equal(await submitAt(1100), 'created')
    })
  })

  describe('the limits of the queue', () => {
    const submitTo = async (limits: Partial<typeof roomy>, differences = {}) =>
      kindOf(await store().submitJob(newJob(differences), { ...roomy, ...limits }, 5))

    it('refuse what waits beyond them, for one owner and for all', async () => {
      await submitMany(store(), 'ann', 2)
      assert.equal(await submitTo({ queuedPerOwner: 2 }), 'full queuedPerOwner')
      assert.equal(await submitTo({ queuedPerOwner: 2 }, { owner: 'bob' }), 'created')
      assert.equal(await submitTo({ queued: 3 }, { owner: 'cy' }), 'full queued')
      assert.equal(await submitTo({ queued: 4 }, { owner: 'cy' }), 'created')
    })

    it('do not count what is taken, but its bytes until it is final', async () => {
      const body = Buffer.alloc(60)
      await submit(store(), { body })
      const [taken] = await claim(store())
      assert.ok(taken)
      assert.equal(await submitTo({ queued: 1, queuedPerOwner: 1 }, { body }), 'created')
      assert.equal(await submitTo({ bytes: 179 }, { body }), 'full bytes')
      await store().markJobDispatched(taken, 101)
      assert.equal(await submitTo({ bytes: 179 }, { body }), 'full bytes')
      await store().finishJob(taken, success, 102)
      assert.equal(await submitTo({ bytes: 120 }, { body }), 'created')
    })

    it('leave nothing of what they refuse, neither job nor key', async () => {
      const refused = newJob({ idempotencyKey: 'k', idempotentUntil: 1e6 })
      assert.equal(
        kindOf(await store().submitJob(refused, { ...roomy, queued: 0 }, 5)),
        'full queued',
      )
      assert.equal(await store().findJob(refused.id, 6), null)
      const other = newJob({ idempotencyKey: 'k', idempotentUntil: 1e6 })
      assert.equal(kindOf(await store().submitJob(other, roomy, 7)), 'created')
    })

    it('let a repeat of what is known through', async () => {
      const keyed = { idempotencyKey: 'k', idempotentUntil: 1e6, fingerprint: 'f' }
      await submit(store(), keyed)
      assert.equal(await submitTo({ queued: 1 }, keyed), 'known')
    })

    it('hold for one owner when many are handed in at the same time', async () => {
      const kinds = await Promise.all(
        Array.from({ length: 30 }, () => submitTo({ queuedPerOwner: 10 })),
      )
      assert.equal(kinds.filter((kind) => kind === 'created').length, 10)
      assert.equal((await store().countJobs()).queued, 10)
    })

    it('count again what was handed back', async () => {
      await submit(store())
      const taken = await claimOne(store())
      assert.equal(await submitTo({ queued: 1 }, {}), 'created')
      await store().handBackJob(taken, ends, 101)
      assert.equal(await submitTo({ queued: 2 }, {}), 'full queued')
    })
  })
}
