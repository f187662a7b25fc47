import assert from 'node:assert/strict'
import test from 'node:test'
import { decodeError } from './error.ts'

const decode = (status: number, body: unknown, headers = {}) =>
  decodeError(
    status,
    headers,
    Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    0,
  )
const own = (type: string, message: string) => ({
  type: 'error',
  error: { type, message },
  request_id: 'req_1',
})

test("the caller's mistakes keep status, sentence and type", () => {
  const error = decode(
    400,
    own('invalid_request_error', 'prompt is too long: 9 tokens > 8 maximum'),
  )
  assert.deepEqual(
    [error.status, error.code, error.message, error.type],
    [400, 'upstream_rejected', 'prompt is too long: 9 tokens > 8 maximum', 'invalid_request_error'],
  )
  assert.equal(decode(404, own('not_found_error', 'model: claude-nope')).status, 404)
  assert.equal(decode(413, own('request_too_large', 'Too large')).status, 413)
})

test('a limit says how long to wait', () => {
  const error = decode(429, own('rate_limit_error', 'Slow down'), { 'retry-after': '12' })
  assert.deepEqual([error.code, error.facts.retryAfterMs], ['upstream_rate_limited', 12_000])
})

test('an overloaded provider is a failure of the provider', () => {
  const error = decode(529, own('overloaded_error', 'Overloaded'))
  assert.deepEqual([error.status, error.code, error.message], [502, 'upstream_error', 'Overloaded'])
})

test("an empty account is the operator's concern, though it is told as a bad request", () => {
  const message = 'Your credit balance is too low to access the Anthropic API.'
  const error = decode(400, own('invalid_request_error', message))
  assert.deepEqual([error.status, error.code], [502, 'upstream_auth_failed'])
})

test('errors of the clouds are read as well', () => {
  const google = [{ error: { code: 404, message: 'Model not found.', status: 'NOT_FOUND' } }]
  assert.equal(decode(404, google).message, 'Model not found.')
  assert.equal(decode(400, { message: 'Malformed input' }).message, 'Malformed input')
  assert.equal(decode(503, '<html>no</html>').status, 503)
  assert.equal(decode(503, '').message, 'the provider answered 503')
})
