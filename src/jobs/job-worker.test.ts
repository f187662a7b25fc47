import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { askFor, completion, JobStage } from '../../tests/support/job-stage.ts'
import { GatewayError } from '../core/errors.ts'
import type { Store } from '../store/store.ts'

let stage: JobStage
let broken = false
const down = new GatewayError('storage_unavailable', 'the disk is full')

beforeEach(async () => {
  broken = false
  stage = await JobStage.open({ wrap: breakable, jobs: { concurrency: 3, perKeyConcurrency: 2 } })
})
afterEach(() => stage.close())

/** The real store, which fails to take an end while `broken`. */
function breakable(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) =>
        broken && (name === 'finishJob' || name === 'markJobDispatched')
          ? Promise.reject(down)
          : value.apply(target, args)
    },
  })
}

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString()

test('an answer is stored as the provider gave it, and recorded once', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const { job } = await queue.submit(askFor('a'))
  assert.equal(job.state, 'queued')
  await stage.until(() => stage.asked.length === 1)
  stage.asked[0]?.answer(200, completion)
  await stage.until(() => stage.outcomes.length === 1)
  const done = await stage.job(job.id)
  assert.equal(done?.state, 'succeeded')
  assert.equal(done?.statusCode, 200)
  assert.equal(text(done?.result), completion)
  assert.equal(stage.records.length, 1)
  const { job: id, step, attempt, outcome, input_tokens } = stage.records[0] ?? {}
  assert.deepEqual(
    { id, step, attempt, outcome, input_tokens },
    { id: job.id, step: 'run', attempt: 1, outcome: 'completed', input_tokens: 3 },
  )
})

test('it is on disk that the provider may be reached before it is', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 1)
  assert.equal((await stage.job(job.id))?.state, 'dispatched')
})

test('no more run than may, of one key and of all', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  for (const caller of ['a', 'a', 'a', 'a', 'b', 'b']) await queue.submit(askFor(caller))
  await stage.until(() => stage.asked.length === 3)
  const { running, queued } = await stage.store.countJobs()
  assert.deepEqual({ running, queued }, { running: 3, queued: 3 })
  for (let answered = 0; answered < 6; answered++) {
    await stage.until(() => stage.asked.length > answered)
    assert.ok(worker.running <= 3)
    stage.asked[answered]?.answer(200, completion)
  }
  await stage.until(() => stage.outcomes.length === 6)
  assert.equal(worker.running, 0)
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

test('a cancelled job is cut off at the provider and stays cancelled', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const ask = askFor('a')
  const { job } = await queue.submit(ask)
  await stage.until(() => stage.asked.length === 1)
  const cancelled = await queue.cancel(job.id, ask.principal)
  assert.equal(cancelled.state, 'failed')
  assert.equal(cancelled.errorCode, 'job_cancelled')
  await stage.until(() => stage.outcomes.length === 1)
  assert.equal(stage.asked[0]?.aborted(), true)
  assert.deepEqual(stage.outcomes, ['cancelled'])
  assert.equal((await stage.job(job.id))?.errorCode, 'job_cancelled')
  await assert.rejects(queue.cancel(job.id, ask.principal), { code: 'job_terminal' })
})

test('a drain gives back what reached no provider and lets the rest end', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const first = await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 1)
  worker.drain()
  const second = await queue.submit(askFor('b'))
  stage.asked[0]?.answer(200, completion)
  await worker.whenIdle()
  assert.equal((await stage.job(first.job.id))?.state, 'succeeded')
  const waiting = await stage.job(second.job.id)
  assert.equal(waiting?.state, 'queued')
  assert.equal(waiting?.attempt, 0)
  assert.equal(stage.asked.length, 1)
})

test('what a shutdown cuts is run again by the next life, as another attempt', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const rerun = await queue.submit(askFor('a'))
  const failing = await queue.submit(askFor('b', { onInterrupt: 'fail' }))
  await stage.until(() => stage.asked.length === 2)
  worker.drain()
  worker.cut()
  await worker.whenIdle()
  assert.deepEqual(stage.outcomes, ['handed_back', 'handed_back'])
  assert.equal((await stage.job(failing.job.id))?.errorCode, 'job_interrupted')
  const next = stage.begin('m')
  await next.worker.start()
  await stage.until(() => stage.asked.length === 3)
  stage.asked[2]?.answer(200, completion)
  await stage.until(() => stage.outcomes.length === 3)
  const done = await stage.job(rerun.job.id)
  assert.equal(done?.state, 'succeeded')
  assert.equal(done?.attempt, 2)
})

test('a job that ends the process each time fails as poison instead of going round', async () => {
  const { queue } = stage.begin('n')
  const { job } = await queue.submit(askFor('a'))
  for (const node of ['n1', 'n2', 'n3']) {
    const { worker } = stage.begin(node)
    await worker.start()
    await stage.until(async () => (await stage.job(job.id))?.state === 'dispatched')
    // As after kill -9: nothing is handed back.
    worker.stop()
  }
  const last = stage.begin('n4')
  await last.worker.start()
  const failed = await stage.job(job.id)
  assert.equal(failed?.errorCode, 'poison')
  assert.equal(stage.asked.length, 3)
})

test('a claim that is lost stores nothing and is cut off at the next beat', async () => {
  const { queue, worker } = stage.begin('zombie')
  await worker.start()
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 1)
  // Another node thinks it dead.
  const other = stage.begin('other')
  await other.worker.start()
  await stage.until(() => stage.asked.length === 2)
  stage.asked[1]?.answer(200, completion)
  await stage.until(() => stage.outcomes.length === 1)
  await stage.runtime.clock.advance(10_000)
  await stage.until(() => stage.asked[0]?.aborted() === true)
  await stage.until(() => stage.outcomes.length === 2)
  assert.deepEqual(stage.outcomes, ['completed', 'lost'])
  assert.equal(text((await stage.job(job.id))?.result), completion)
})

test('a late answer of a lost claim changes nothing', async () => {
  const { queue, worker } = stage.begin('zombie')
  await worker.start()
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 1)
  const other = stage.begin('other')
  await other.worker.start()
  await stage.until(() => stage.asked.length === 2)
  stage.asked[0]?.answer(200, completion.replace('"c"', '"late"'))
  await stage.until(() => stage.outcomes.length === 1)
  stage.asked[1]?.answer(200, completion)
  await stage.until(() => stage.outcomes.length === 2)
  assert.deepEqual(stage.outcomes, ['lost', 'completed'])
  assert.equal(text((await stage.job(job.id))?.result), completion)
})

test('an answer waits in memory until the store takes it', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 1)
  broken = true
  stage.asked[0]?.answer(200, completion)
  await stage.runtime.clock.advance(5 * 60_000)
  assert.equal((await stage.job(job.id))?.state, 'dispatched')
  broken = false
  await stage.runtime.clock.advance(5000)
  await stage.until(() => stage.outcomes.length === 1)
  assert.equal(text((await stage.job(job.id))?.result), completion)
})

test('an answer that could not be stored for ten minutes is given up, and said so', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 1)
  broken = true
  stage.asked[0]?.answer(200, completion)
  await stage.runtime.clock.advance(11 * 60_000)
  broken = false
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
  broken = true
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => stage.outcomes.length === 1)
  assert.deepEqual(stage.outcomes, ['handed_back'])
  assert.equal(stage.asked.length, 0)
  broken = false
  await stage.runtime.clock.advance(1000)
  await stage.until(() => stage.asked.length === 1)
  stage.asked[0]?.answer(200, completion)
  await stage.until(() => stage.outcomes.length === 2)
  assert.equal((await stage.job(job.id))?.attempt, 1)
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

test('nothing is left armed once it is stopped', async () => {
  const { worker } = stage.begin('n')
  await worker.start()
  worker.stop()
  await stage.until(() => stage.runtime.clock.pending === 0)
})
