import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleCall } from '../../tests/support/sample-call.ts'
import type { Call } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import type { JobWithResult } from '../core/job.ts'
import { type Principal, unbound } from '../core/principal.ts'
import type { JobAsk } from '../jobs/job-queue.ts'
import { noTracer } from '../observability/tracer.ts'
import { lookAtChat, scanRequest } from '../wire/openai-chat/look.ts'
import { AsyncCalls, type Submission } from './async-calls.ts'
import type { SubmitOrder } from './async-headers.ts'
import { describeAsChat } from './job-replies.ts'

const principal: Principal = {
  ...unbound,
  kind: 'virtual-key',
  name: 'team',
  models: null,
  forwardHeaders: [],
  mayPin: false,
}
const extras = { headers: null, apiVersion: null, pinnedKey: null, session: null }
const queued: JobWithResult = {
  id: '7d1a0b0e-3c52-4b7e-9a35-0d6f1c2e8b44',
  owner: 'key:team',
  route: '/v1/chat/completions',
  model: 'm',
  state: 'queued',
  attempt: 0,
  ttlMs: 5000,
  createdAt: 1000,
  completedAt: null,
  expiresAt: null,
  statusCode: null,
  errorCode: null,
  result: null,
}
const done: JobWithResult = {
  ...queued,
  state: 'succeeded',
  statusCode: 200,
  result: Buffer.from('{}'),
}
const order: SubmitOrder = {
  kind: 'submit',
  ttlMs: 5000,
  onInterrupt: 'fail',
  idempotencyKey: 'k',
  isRepeat: true,
  waitMs: 0,
}
const never = new AbortController().signal

/** As a call does it: the job handed in, then told of. */
async function submit(
  calls: AsyncCalls,
  asked: SubmitOrder,
  submission: Submission,
  describe: typeof describeAsChat,
  signal: AbortSignal,
) {
  const submitted = await calls.submit(asked, submission, signal)
  return await calls.tell(submitted, asked, submission.principal, describe, signal)
}

/** Notes what it is asked; a wait ends with its signal, or at once where `ends` says so. */
function fakeJobs({ isNew = true, ends = false } = {}) {
  const asks: JobAsk[] = []
  const found: string[] = []
  const waits: number[] = []
  return {
    asks,
    found,
    waits,
    submit: async (ask: JobAsk) => {
      asks.push(ask)
      return { job: queued, isNew }
    },
    find: async (id: string) => {
      found.push(id)
      return queued
    },
    waitFor: async (id: string, _who: Principal, waitMs: number, signal: AbortSignal) => {
      found.push(id)
      waits.push(waitMs)
      if (ends) return done
      if (!signal.aborted)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      return queued
    },
  }
}

async function submissionOf(call: Call, body: object, deployment: string | null = null) {
  const bytes = Buffer.from(JSON.stringify({ messages: [{}], ...body }))
  const fields = await scanRequest(bytes, async () => {})
  const look = lookAtChat(bytes, fields, deployment !== null)
  return { call, principal, look, deployment, extras }
}
const nobody = (): Call => sampleCall({ asked: null, attempts: [], dimensions: { team: 'blue' } })

test('a submit hands over all that the call would have been made of, and notes the job in it', async () => {
  const jobs = fakeJobs()
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  const trace = noTracer.begin({ traceparent })
  assert.ok(trace)
  const call = { ...nobody(), trace }
  const submission = await submissionOf(call, { model: 'm' }, 'dep')
  const reply = await submit(new AsyncCalls(jobs), order, submission, describeAsChat, never)
  assert.deepEqual(jobs.asks, [
    {
      principal,
      requestId: call.requestId,
      surface: call.surface,
      route: call.route,
      look: submission.look,
      deployment: 'dep',
      extras,
      dimensions: { team: 'blue' },
      trace,
      ttlMs: 5000,
      onInterrupt: 'fail',
      idempotencyKey: 'k',
      isRepeat: true,
    },
  ])
  assert.deepEqual([call.asked, call.job], ['dep', { step: 'submit', id: queued.id }])
  assert.equal(reply.status, 200)
  assert.deepEqual(reply.headers.slice(-2), ['x-bf-async-job-result-ttl', '5'])
})

test('a repeated submit says that it is one', async () => {
  const submission = await submissionOf(nobody(), { model: 'm' })
  const calls = new AsyncCalls(fakeJobs({ isNew: false }))
  const reply = await submit(calls, order, submission, describeAsChat, never)
  assert.deepEqual(reply.headers.slice(-2), ['idempotency-replayed', 'true'])
})

test('a stream is refused and never handed over', async () => {
  const jobs = fakeJobs()
  const submission = await submissionOf(nobody(), { model: 'm', stream: true })
  await assert.rejects(
    submit(new AsyncCalls(jobs), order, submission, describeAsChat, never),
    (error: unknown) => error instanceof GatewayError && error.facts.param === 'stream',
  )
  assert.equal(jobs.asks.length, 0)
})

test('what nobody waits for any more is not handed over', async () => {
  const jobs = fakeJobs()
  const gone = AbortSignal.abort(new GatewayError('client_closed', 'gone'))
  const submission = await submissionOf(nobody(), { model: 'm' })
  await assert.rejects(submit(new AsyncCalls(jobs), order, submission, describeAsChat, gone), {
    code: 'client_closed',
  })
  assert.equal(jobs.asks.length, 0)
})

test('a submit that waits is answered with the result', async () => {
  const jobs = fakeJobs({ ends: true })
  const submission = await submissionOf(nobody(), { model: 'm' })
  const waiting = { ...order, waitMs: 3000 }
  const reply = await submit(new AsyncCalls(jobs), waiting, submission, describeAsChat, never)
  assert.deepEqual([jobs.waits, Buffer.from(reply.body).toString()], [[3000], '{}'])
})

test('a poll asks for the id in lower case, and for one that nobody has where it is none', async () => {
  for (const [given, asked] of [
    [queued.id.toUpperCase(), queued.id],
    ['', '00000000-0000-0000-0000-000000000000'],
    [`${queued.id}, ${queued.id}`, '00000000-0000-0000-0000-000000000000'],
    ["' or 1=1", '00000000-0000-0000-0000-000000000000'],
  ] as const) {
    const jobs = fakeJobs()
    const call = nobody()
    const poll = { kind: 'poll', id: given, waitMs: 0 } as const
    await new AsyncCalls(jobs).poll(poll, call, principal, describeAsChat, never)
    assert.deepEqual(jobs.found, [asked])
    assert.deepEqual([call.asked, call.job], ['m', { step: 'poll', id: asked }])
  }
})

test('a poll that waits ends with its signal', async () => {
  const controller = new AbortController()
  const poll = { kind: 'poll', id: queued.id, waitMs: 60_000 } as const
  const calls = new AsyncCalls(fakeJobs())
  const reply = calls.poll(poll, nobody(), principal, describeAsChat, controller.signal)
  controller.abort(new GatewayError('client_closed', 'gone'))
  assert.equal((await reply).status, 200)
})

test('a drain answers whoever waits, and nobody waits after it', async () => {
  const calls = new AsyncCalls(fakeJobs())
  const poll = { kind: 'poll', id: queued.id, waitMs: 60_000 } as const
  const ask = () => calls.poll(poll, nobody(), principal, describeAsChat, never)
  const waiting = ask()
  calls.drain()
  assert.equal((await waiting).status, 200)
  assert.equal((await ask()).status, 200)
})
