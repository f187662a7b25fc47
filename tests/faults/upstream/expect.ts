import assert from 'node:assert/strict'
import { type RawResponse, sseData } from '../../support/raw-client.ts'

interface Expected {
  readonly code: string | null
  readonly message?: RegExp | string
  readonly type?: string
  readonly param?: string | null
  /** What `x-should-retry` says; null where it must be absent. */
  readonly shouldRetry?: 'true' | 'false' | null
}

interface Envelope {
  readonly error: { message: string; type: string; param: string | null; code: string | null }
  readonly is_bifrost_error: boolean
  readonly status_code: number
  readonly type: string
  readonly extra_fields: unknown
}

/** That a response is the error envelope in full, with this status and content. */
export function assertError(response: RawResponse, status: number, expected: Expected): void {
  assert.equal(response.status, status, response.text.slice(0, 500))
  assert.equal(response.complete, true)
  assert.match(response.headers['content-type'] ?? '', /^application\/json/)
  assert.ok(response.headers['x-request-id'])
  const envelope = response.json() as Envelope
  checkEnvelope(envelope, expected)
  assert.equal(envelope.status_code, status)
  if (expected.shouldRetry !== undefined)
    assert.equal(response.headers['x-should-retry'] ?? null, expected.shouldRetry)
}

/** That a begun stream ends with one error frame and without `[DONE]`; returns the events before it. */
export function assertErrorFrame(response: RawResponse, expected: Expected): string[] {
  assert.equal(response.status, 200, response.text.slice(0, 500))
  assert.match(response.headers['content-type'] ?? '', /^text\/event-stream/)
  assert.equal(response.complete, true)
  const data = sseData(response.text)
  assert.ok(!data.includes('[DONE]'), 'a failed stream must not look finished')
  const frames = data.filter((each) => each.startsWith('{"error"'))
  assert.equal(frames.length, 1, response.text.slice(-500))
  assert.equal(frames[0], data.at(-1), 'nothing follows the error')
  assert.match(response.text, /\n\n$/)
  checkEnvelope(JSON.parse(frames[0] as string) as Envelope, expected)
  return data.slice(0, -1)
}

/** That a stream is whole; returns its events without `[DONE]`. */
export function assertWholeStream(response: RawResponse): string[] {
  assert.equal(response.status, 200, response.text.slice(0, 500))
  assert.match(response.headers['content-type'] ?? '', /^text\/event-stream; charset=utf-8$/)
  assert.equal(response.complete, true)
  const data = sseData(response.text)
  assert.equal(data.at(-1), '[DONE]', response.text.slice(-500))
  assert.equal(data.filter((each) => each === '[DONE]').length, 1)
  return data.slice(0, -1)
}

function checkEnvelope(envelope: Envelope, expected: Expected): void {
  const { error } = envelope
  assert.deepEqual(Object.keys(envelope), [
    'error',
    'is_bifrost_error',
    'status_code',
    'type',
    'extra_fields',
  ])
  assert.equal(error.code, expected.code, JSON.stringify(error))
  assert.ok(error.message.length > 0)
  assert.ok(Buffer.byteLength(error.message) <= 2048, `${error.message.length}`)
  if (typeof expected.message === 'string') assert.equal(error.message, expected.message)
  else if (expected.message) assert.match(error.message, expected.message)
  if (expected.type !== undefined) assert.equal(error.type, expected.type)
  if (expected.param !== undefined) assert.equal(error.param, expected.param)
}
