import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JobWithResult } from '../core/job.ts'
import { describeAsChat, describeAsJob, listedJob, submitHeaders } from './job-replies.ts'

const job: JobWithResult = {
  id: '7d1a0b0e-3c52-4b7e-9a35-0d6f1c2e8b44',
  owner: 'key:team',
  route: '/v1/chat/completions',
  model: 'openai/gpt-4o',
  state: 'queued',
  attempt: 0,
  ttlMs: 3_600_000,
  createdAt: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  completedAt: null,
  expiresAt: null,
  statusCode: null,
  errorCode: null,
  result: null,
}
const ended = {
  completedAt: Date.UTC(2026, 0, 2, 3, 4, 6),
  expiresAt: Date.UTC(2026, 0, 2, 4, 4, 6),
}
const odd = '{ "id":1.10000000000000000001,\n "x" : "\\u00e9" }'
const done: JobWithResult = {
  ...job,
  ...ended,
  state: 'succeeded',
  statusCode: 200,
  result: Buffer.from(odd),
}
const envelope = { error: { message: 'no', type: 'requests', param: null, code: 'x' }, type: 'x' }
const failed: JobWithResult = {
  ...job,
  ...ended,
  state: 'failed',
  statusCode: 429,
  errorCode: 'upstream_rate_limited',
  result: Buffer.from(JSON.stringify(envelope)),
}
const textOf = ({ body }: { readonly body: Uint8Array }): string => Buffer.from(body).toString()
const named = (status: string) => ['x-bf-async-id', job.id, 'x-bf-async-status', status]

test('a job that waits or runs is a chat completion without choices', () => {
  for (const [state, status] of [
    ['queued', 'pending'],
    ['leased', 'processing'],
    ['dispatched', 'processing'],
  ] as const) {
    const reply = describeAsChat({ ...job, state })
    assert.equal(reply.status, 200)
    assert.deepEqual(reply.headers, [...named(status), 'retry-after', '1'])
    assert.deepEqual(JSON.parse(textOf(reply)), {
      id: job.id,
      object: 'chat.completion',
      created: Date.UTC(2026, 0, 2, 3, 4, 5) / 1000,
      model: 'openai/gpt-4o',
      choices: [],
    })
  }
})

test('a completed job is its result, to the byte', () => {
  const reply = describeAsChat(done)
  assert.deepEqual([reply.status, textOf(reply)], [200, odd])
  assert.deepEqual(reply.headers, named('completed'))
})

test('a failed job is its error, which repeating the poll cannot help', () => {
  const reply = describeAsChat(failed)
  assert.deepEqual([reply.status, textOf(reply)], [429, JSON.stringify(envelope)])
  assert.deepEqual(reply.headers, [...named('failed'), 'x-should-retry', 'false'])
})

test('as a job it says what is known, and where to ask', () => {
  const reply = describeAsJob(job)
  assert.equal(reply.status, 202)
  assert.deepEqual(JSON.parse(textOf(reply)), {
    id: job.id,
    status: 'pending',
    created_at: '2026-01-02T03:04:05.678Z',
  })
  const where = `/v1/async/chat/completions/${job.id}`
  assert.deepEqual(reply.headers, [...named('pending'), 'retry-after', '1', 'location', where])
})

test('as a job it carries the result as the provider gave it', () => {
  const reply = describeAsJob(done)
  assert.equal(reply.status, 200)
  assert.equal(
    textOf(reply),
    `{"id":"${job.id}","status":"completed","created_at":"2026-01-02T03:04:05.678Z",` +
      '"completed_at":"2026-01-02T03:04:06.000Z","expires_at":"2026-01-02T04:04:06.000Z",' +
      `"status_code":200,"result":${odd}}`,
  )
})

test("as a job it carries OpenAI's part of the error", () => {
  const reply = describeAsJob(failed)
  assert.equal(reply.status, 200)
  assert.partialDeepStrictEqual(JSON.parse(textOf(reply)), {
    status: 'failed',
    status_code: 429,
    error: envelope.error,
  })
})

test('a listed job names its model and the code of its error, and never its result', () => {
  assert.deepEqual(listedJob(failed), {
    id: job.id,
    status: 'failed',
    model: 'openai/gpt-4o',
    owner: job.owner,
    route: job.route,
    attempt: job.attempt,
    created_at: '2026-01-02T03:04:05.678Z',
    completed_at: '2026-01-02T03:04:06.000Z',
    expires_at: '2026-01-02T04:04:06.000Z',
    status_code: 429,
    error_code: 'upstream_rate_limited',
  })
  assert.deepEqual(Object.keys(listedJob(done)), Object.keys(listedJob(job)))
})

test('a submit is told for how long its result is kept, in whole seconds, and whether it is a repeat', () => {
  assert.deepEqual(submitHeaders(job, true), ['x-bf-async-job-result-ttl', '3600'])
  assert.deepEqual(submitHeaders({ ...job, ttlMs: 250 }, false), [
    'x-bf-async-job-result-ttl',
    '1',
    'idempotency-replayed',
    'true',
  ])
})
