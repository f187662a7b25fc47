import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { askFor, callerNamed, completion, JobStage } from '../../tests/support/job-stage.ts'
import { adminPrincipal } from '../governance/admin-door.ts'
import type { JobQueue } from './job-queue.ts'
import type { JobWorker } from './job-worker.ts'

let stage: JobStage
let queue: JobQueue
let worker: JobWorker

async function open(jobs = {}): Promise<void> {
  stage = await JobStage.open({ jobs })
  const parts = stage.begin('n')
  queue = parts.queue
  worker = parts.worker
}
beforeEach(() => open())
afterEach(() => stage.close())

const noId = '00000000-0000-4000-8000-ffffffffffff'
const never = new AbortController().signal

test('a job is its owner’s and the admin’s; to everybody else it is as if it were not', async () => {
  const { job } = await queue.submit(askFor('a'))
  assert.equal((await queue.find(job.id, callerNamed('a'))).id, job.id)
  assert.equal((await queue.find(job.id, adminPrincipal)).id, job.id)
  const messages: string[] = []
  const note = (thrown: Error): void => void messages.push(thrown.message)
  await queue.find(job.id, callerNamed('b')).catch(note)
  await queue.find(noId, callerNamed('b')).catch(note)
  await queue.cancel(job.id, callerNamed('b')).catch(note)
  assert.equal(messages.length, 3)
  assert.equal(new Set(messages).size, 1)
})

test('what the call would be refused with, its submit is, and nothing is kept', async () => {
  const ask = askFor('a')
  const barred = { ...ask.principal, models: ['other/*'] }
  await assert.rejects(queue.submit({ ...ask, principal: barred }), { code: 'model_not_allowed' })
  const extras = { ...ask.extras, pinnedKey: 'nobody' }
  await assert.rejects(queue.submit({ ...ask, extras }), { code: 'invalid_request' })
  assert.equal((await stage.store.countJobs()).queued, 0)
})

test('a body over jobs.max_body is refused with the setting’s name', async () => {
  await stage.close()
  await open({ maxBodyBytes: 30 })
  await assert.rejects(queue.submit(askFor('a')), {
    code: 'request_too_large',
    message: /jobs\.max_body/,
  })
})

test('a full queue is a 429 that names the limit, for one key before the others', async () => {
  await stage.close()
  await open({ queueLimit: 3, perKeyQueueLimit: 2 })
  await queue.submit(askFor('a'))
  await queue.submit(askFor('a'))
  await assert.rejects(queue.submit(askFor('a')), {
    code: 'async_queue_full',
    message: /"a".*jobs\.per_key_queue_limit/,
  })
  await queue.submit(askFor('b'))
  await assert.rejects(queue.submit(askFor('b')), {
    code: 'async_queue_full',
    message: /jobs\.queue_limit/,
  })
})

test('an idempotency key stands for one request of one caller', async () => {
  const first = await queue.submit(askFor('a', { idempotencyKey: 'k' }))
  const again = await queue.submit(askFor('a', { idempotencyKey: 'k' }))
  assert.deepEqual([first.isNew, again.isNew], [true, false])
  assert.equal(again.job.id, first.job.id)
  await assert.rejects(queue.submit(askFor('a', { idempotencyKey: 'k' }, 'other')), {
    code: 'idempotency_key_reuse',
  })
  const others = await queue.submit(askFor('b', { idempotencyKey: 'k' }))
  assert.notEqual(others.job.id, first.job.id)
})

test('a request that an SDK repeats is the one it was, for a quarter of an hour', async () => {
  const first = await queue.submit(askFor('a'))
  const unasked = await queue.submit(askFor('a'))
  assert.notEqual(unasked.job.id, first.job.id)
  await stage.runtime.clock.advance(14 * 60_000)
  const repeated = await queue.submit(askFor('a', { isRepeat: true }))
  assert.equal(repeated.isNew, false)
  const other = await queue.submit(askFor('a', { isRepeat: true }, 'other'))
  assert.equal(other.isNew, true)
  await stage.runtime.clock.advance(60_001)
  assert.equal((await queue.submit(askFor('a', { isRepeat: true }))).isNew, true)
})

test('who waits is answered when the job ends, not before and not much after', async () => {
  await worker.start()
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 1)
  const waited = queue.waitFor(job.id, callerNamed('a'), 60_000, never)
  stage.asked[0]?.answer(200, completion)
  assert.equal((await waited).state, 'succeeded')
})

test('who waits longer than the job takes too long gets it as it stands', async () => {
  const { job } = await queue.submit(askFor('a'))
  const armed = stage.runtime.clock.pending
  const waited = queue.waitFor(job.id, callerNamed('a'), 1000, never)
  await stage.until(() => stage.runtime.clock.pending > armed)
  await stage.runtime.clock.advance(1000)
  assert.equal((await waited).state, 'queued')
  assert.equal(stage.runtime.clock.pending, armed)
})

test('a caller that leaves waits no longer, and leaves nothing armed', async () => {
  const { job } = await queue.submit(askFor('a'))
  const armed = stage.runtime.clock.pending
  const leaving = new AbortController()
  const waited = queue.waitFor(job.id, callerNamed('a'), 60_000, leaving.signal)
  await stage.until(() => stage.runtime.clock.pending > armed)
  leaving.abort()
  assert.equal((await waited).state, 'queued')
  assert.equal(stage.runtime.clock.pending, armed)
})

test('a cancelled job wakes those who wait for it', async () => {
  const { job } = await queue.submit(askFor('a'))
  const waited = queue.waitFor(job.id, callerNamed('a'), 60_000, never)
  await queue.cancel(job.id, callerNamed('a'))
  assert.equal((await waited).errorCode, 'job_cancelled')
})

test('a result is there until the millisecond it expires', async () => {
  await worker.start()
  const { job } = await queue.submit(askFor('a', { ttlMs: 1000 }))
  await stage.until(() => stage.asked.length === 1)
  stage.asked[0]?.answer(200, completion)
  await stage.until(() => stage.outcomes.length === 1)
  await stage.runtime.clock.advance(999)
  assert.equal((await queue.find(job.id, callerNamed('a'))).state, 'succeeded')
  await stage.runtime.clock.advance(1)
  await assert.rejects(queue.find(job.id, callerNamed('a')), { code: 'job_not_found' })
})

test('a clock that is set neither revives nor ends a result', async () => {
  await worker.start()
  const { job } = await queue.submit(askFor('a', { ttlMs: 60_000 }))
  await stage.until(() => stage.asked.length === 1)
  stage.asked[0]?.answer(200, completion)
  await stage.until(() => stage.outcomes.length === 1)
  stage.runtime.clock.jump(-2 * 86_400_000)
  await stage.runtime.clock.advance(59_000)
  assert.equal((await queue.find(job.id, callerNamed('a'))).state, 'succeeded')
  await stage.runtime.clock.advance(1000)
  await assert.rejects(queue.find(job.id, callerNamed('a')), { code: 'job_not_found' })
})

test('a list is one’s own, everybody’s for the admin, and nobody’s without a key', async () => {
  const filter = { status: null, limit: 10, after: null }
  const { job } = await queue.submit(askFor('a'))
  await queue.submit(askFor('b'))
  const own = await queue.list(callerNamed('a'), filter)
  assert.deepEqual(
    own.map(({ id }) => id),
    [job.id],
  )
  assert.equal((await queue.list(adminPrincipal, filter)).length, 2)
  const anonymous = { ...callerNamed('x'), kind: 'anonymous' } as const
  await assert.rejects(queue.list(anonymous, filter), { code: 'forbidden' })
})
