import assert from 'node:assert/strict'
import test from 'node:test'
import { decodeError } from './error.ts'

const coral = 'http://internal.amazon.com/coral/com.amazon.bedrock/'

for (const [status, kind, code, shown] of [
  [400, 'ValidationException', 'upstream_rejected', 400],
  [400, 'ThrottlingException', 'upstream_rate_limited', 429],
  [400, 'ServiceQuotaExceededException', 'upstream_rate_limited', 429],
  [400, 'ExpiredTokenException', 'upstream_auth_failed', 502],
  [403, 'UnrecognizedClientException', 'upstream_auth_failed', 502],
  [403, 'AccessDeniedException', 'upstream_auth_failed', 502],
  [404, 'ResourceNotFoundException', 'upstream_rejected', 404],
  [408, 'ModelTimeoutException', 'upstream_timeout', 504],
  [424, 'ModelErrorException', 'upstream_error', 502],
  [429, 'ModelNotReadyException', 'upstream_rate_limited', 429],
  [500, 'InternalServerException', 'upstream_error', 500],
  [503, 'ServiceUnavailableException', 'upstream_error', 503],
] as const)
  test(`${status} ${kind} is ${code}`, () => {
    const headers = { 'x-amzn-errortype': `${kind}:${coral}` }
    const error = decodeError(status, headers, Buffer.from('{"message":"No."}'), 0)
    assert.deepEqual([error.code, error.status], [code, shown])
    if (code === 'upstream_rejected') {
      assert.equal(error.message, 'No.')
      assert.equal(error.facts.upstreamWords?.code, kind)
    }
  })

test('the kind is in the body where there is no header, and the message may be spelt otherwise', () => {
  const body = { __type: 'com.amazon.coral.service#ThrottlingException', Message: 'Slowly.' }
  const error = decodeError(400, {}, Buffer.from(JSON.stringify(body)), 0)
  assert.deepEqual([error.code, error.message], ['upstream_rate_limited', 'Slowly.'])
})

test('a body that is no JSON leaves the status', () => {
  const error = decodeError(503, {}, Buffer.from('<html>'), 0)
  assert.deepEqual([error.code, error.message], ['upstream_error', 'the provider answered 503'])
})

test('how long to wait is read', () => {
  const error = decodeError(429, { 'retry-after': '7' }, Buffer.from(''), 0)
  assert.equal(error.facts.retryAfterMs, 7000)
})
