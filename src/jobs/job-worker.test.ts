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

test('a run that ends while its lease is prolonged has lost nothing', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  await queue.submit(askFor('a'))
  await stage.until(() => stage.asked.length === 1)
  const slow = trouble.hold('keepJobs')
  await stage.runtime.clock.advance(10_000)
  await stage.until(() => slow.asked === 1)
  stage.asked[0]?.answer(200, completion)
  await stage.until(() => stage.outcomes.length === 1)
  slow.go.resolve()
  trouble.held = null
  await stage.runtime.clock.advance(10_000)
  assert.deepEqual(stage.outcomes, ['completed'])
})

test('a job that is taken anew while its old lease is prolonged goes on', async () => {
  const { queue, worker } = stage.begin('n')
  await worker.start()
  const marking = trouble.hold('markJobDispatched')
  const { job } = await queue.submit(askFor('a'))
  await stage.until(() => marking.asked === 1)
  const keeping = trouble.hold('keepJobs')
  await stage.runtime.clock.advance(10_000)
  await stage.until(() => keeping.asked === 1)
  marking.go.reject(down)
  await stage.until(() => stage.outcomes.length === 1)
  assert.deepEqual(stage.outcomes, ['handed_back'])
  worker.wake()
  await stage.until(() => stage.asked.length === 1)
  keeping.go.resolve()
  await stage.until(async () => (await stage.store.countJobs()).running === 1)
  stage.asked[0]?.answer(200, completion)
  await stage.until(() => stage.outcomes.length === 2)
  assert.deepEqual(stage.outcomes, ['handed_back', 'completed'])
  assert.equal((await stage.job(job.id))?.state, 'succeeded')
})

test('who is cut off as often as it may be is no longer said to have asked for it', async () => {
  const { queue } = stage.begin('n')
  const { job } = await queue.submit(askFor('a'))
  for (const node of ['n1', 'n2', 'n3']) {
    const { worker } = stage.begin(node)
    await worker.start()
    await stage.until(async () => (await stage.job(job.id))?.state === 'dispatched')
    worker.drain()
    worker.cut()
    await worker.whenIdle()
    worker.stop()
  }
  const failed = await stage.job(job.id)
  assert.equal(failed?.errorCode, 'poison')
  assert.match(text(failed?.result), /jobs\.max_attempts/)
})

test('what goes wrong again and again is told once, until it has gone well', async () => {
  const { worker } = stage.begin('n')
  await worker.start()
  const beatUntil = (holds: () => boolean) =>
    stage.until(async () => {
      await stage.runtime.clock.advance(10_000)
      return holds()
    })
  const failing = trouble.hold('keepJobs')
  failing.go.reject(down)
  await beatUntil(() => failing.asked === 3)
  assert.deepEqual(stage.warnings, ['the care for jobs met a fault'])
  const passing = trouble.hold('keepJobs')
  passing.go.resolve()
  await beatUntil(() => passing.asked === 2)
  trouble.held = failing
  await beatUntil(() => stage.warnings.length === 2)
})

test('nothing is left armed once it is stopped', async () => {
  const { worker } = stage.begin('n')
  await worker.start()
  worker.stop()
  await stage.until(() => stage.runtime.clock.pending === 0)
})
