import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { askFor, completion, JobStage } from '../../tests/support/job-stage.ts'
import { Trouble } from '../../tests/support/troubled-store.ts'
import { GatewayError } from '../core/errors.ts'

let stage: JobStage
let trouble: Trouble
const down = new GatewayError('storage_unavailable', 'the disk is full')

beforeEach(async () => {
  trouble = new Trouble()
  stage = await JobStage.open({
    wrap: trouble.wrap,
    jobs: { concurrency: 3, perKeyConcurrency: 2 },
  })
})
afterEach(() => stage.close())

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString()

test('it is on disk that the provider may be reached before it is', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 1)
  assert.equal((await stage.job(job.id))?.state, 'dispatched')
})

test('what the provider refuses is a failed job with its status and words', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 1)
  stage.asked[0]?.answer(400, '{"error":{"message":"too long","code":"context_length_exceeded"}}')
  await stage.until(() => stage.outcomes.length === 1)
  const done = await stage.job(job.id)
  assert.equal(done?.state, 'failed')
  assert.equal(done?.statusCode, 400)
  assert.match(text(done?.result), /too long.*context_length_exceeded/)
})

test('an answer waits in memory until the store takes it', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 1)
  trouble.fault = down
  stage.asked[0]?.answer(200, completion)
  await stage.runtime.clock.advance(5 * 60_000)
  assert.equal((await stage.job(job.id))?.state, 'dispatched')
  trouble.fault = null
  await stage.runtime.clock.advance(5000)
  await stage.until(() => stage.outcomes.length === 1)
  assert.equal(text((await stage.job(job.id))?.result), completion)
})

test('an answer that could not be stored for ten minutes is given up, and said so', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 1)
  trouble.fault = down
  stage.asked[0]?.answer(200, completion)
  await stage.runtime.clock.advance(11 * 60_000)
  trouble.fault = null
  await stage.runtime.clock.advance(5000)
  await stage.until(() => stage.outcomes.length === 1)
  const failed = await stage.job(job.id)
  assert.equal(failed?.state, 'failed')
  assert.equal(failed?.errorCode, 'result_not_stored')
  assert.equal(stage.records[0]?.output_tokens, 4)
})

test('a store that fails before the provider is reached gives the job back', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  trouble.fault = down
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.outcomes.length === 1)
  assert.deepEqual(stage.outcomes, ['handed_back'])
  assert.equal(stage.asked.length, 0)
  trouble.fault = null
  await stage.runtime.clock.advance(1000)
  await stage.until(() => stage.asked.length === 1)
  stage.asked[0]?.answer(200, completion)
  await stage.until(() => stage.outcomes.length === 2)
  assert.equal((await stage.job(job.id))?.attempt, 1)
})

test('a store that has too much to do is no reason for a job to fail', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  trouble.fault = new GatewayError('overloaded', 'too many commands wait')
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.outcomes.length === 1)
  assert.deepEqual(stage.outcomes, ['handed_back'])
  assert.equal((await stage.job(job.id))?.state, 'queued')
  assert.equal(stage.asked.length, 0)
})

test('answers that come together are all stored, however large, while the store takes them', async () => {
  await stage.close()
  const large = 30 * 1024 * 1024
  stage = await JobStage.open({ wrap: trouble.wrap, jobs: { maxResultBytes: large + 1000 } })
  const { queue, worker } = stage.begin('n')
  await worker.start()
  for (let n = 0; n < 3; n++) await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 3)
  const slow = trouble.hold('finishJob')
  const answer = completion.replace('"c"', JSON.stringify('c'.repeat(large)))
  for (const asked of stage.asked) asked.answer(200, answer)
  await stage.until(() => slow.asked === 3)
  slow.go.resolve()
  await stage.until(() => stage.outcomes.length === 3)
  assert.deepEqual(stage.outcomes, ['completed', 'completed', 'completed'])
})

test('what the store does not take waits in memory within a bound, and the rest is given up', async () => {
  await stage.close()
  const large = 30 * 1024 * 1024
  stage = await JobStage.open({ wrap: trouble.wrap, jobs: { maxResultBytes: large + 1000 } })
  const { queue, worker } = stage.begin('n')
  await worker.start()
  for (let n = 0; n < 3; n++) await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 3)
  trouble.fault = down
  const answer = completion.replace('"c"', JSON.stringify('c'.repeat(large)))
  for (const asked of stage.asked) asked.answer(200, answer)
  await stage.runtime.clock.advance(60_000)
  trouble.fault = null
  await stage.runtime.clock.advance(5000)
  await stage.until(() => stage.outcomes.length === 3)
  assert.deepEqual(stage.outcomes.toSorted(), ['completed', 'completed', 'failed'])
})

test('an answer that meets a cancel is cancelled, not lost', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const ask = askFor('a')
  const { job } = await queue.submit(ask)
  await stage.until(() => stage.asked.length === 1)
  const ending = trouble.hold('finishJob')
  stage.asked[0]?.answer(200, completion)
  await stage.until(() => ending.asked === 1)
  await queue.cancel(job.id, ask.principal)
  ending.go.resolve()
  await stage.until(() => stage.outcomes.length === 1)
  assert.deepEqual(stage.outcomes, ['cancelled'])
  assert.equal((await stage.job(job.id))?.errorCode, 'job_cancelled')
})

test('a result over the limit fails, and what it used is recorded', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 1)
  stage.asked[0]?.answer(200, completion.replace('"c"', JSON.stringify('c'.repeat(10_001))))
  await stage.until(() => stage.outcomes.length === 1)
  assert.equal((await stage.job(job.id))?.errorCode, 'result_too_large')
  assert.equal(stage.records[0]?.output_tokens, 4)
})

test('a job whose key is gone by the time it runs does not run', async () => {
  const { queue } = stage.begin('n')
  const { job } = await queue.submit(askFor('a'))
  stage.gateway.swap(stage.snapshot(['b']))
  const { worker } = stage.begin('n')
  await worker.start()
  await stage.until(() => stage.outcomes.length === 1)
  const failed = await stage.job(job.id)
  assert.equal(failed?.errorCode, 'key_revoked')
  assert.equal(failed?.statusCode, 403)
  assert.equal(stage.asked.length, 0)
})
