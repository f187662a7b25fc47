import assert from 'node:assert/strict'
import test from 'node:test'
import type { GatewayError } from '../../core/errors.ts'
import { decodeError, decodeInnerError } from './error.ts'

const decoded = (status: number, body: unknown, headers = {}): GatewayError =>
  decodeError(
    status,
    headers,
    Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    0,
  )
const type = (name: string): string => `type.googleapis.com/google.rpc.${name}`

test('a bad key is a 400 there, and ours to mend', () => {
  const error = decoded(400, {
    error: {
      code: 400,
      message: 'Renew the key.',
      status: 'INVALID_ARGUMENT',
      details: [{ '@type': type('ErrorInfo'), reason: 'API_KEY_EXPIRED' }],
    },
  })
  assert.equal(error.code, 'upstream_auth_failed')
  assert.equal(error.status, 502)
})

test('how long to wait stands in the body, and a header counts where it does not', () => {
  const limited = (details: unknown[]): unknown => ({
    error: { code: 429, message: 'Quota exceeded', status: 'RESOURCE_EXHAUSTED', details },
  })
  const info = (retryDelay: unknown) => [{ '@type': type('RetryInfo'), retryDelay }]
  assert.equal(decoded(429, limited(info('31.5s'))).facts.retryAfterMs, 31_500)
  assert.equal(
    decoded(429, limited(info({ seconds: '2', nanos: 500_000_000 }))).facts.retryAfterMs,
    2500,
  )
  assert.equal(decoded(429, limited(info('soon'))).facts.retryAfterMs, undefined)
  assert.equal(decoded(429, limited([]), { 'retry-after': '3' }).facts.retryAfterMs, 3000)
})

test('a daily quota is spent, whatever delay it asks for', () => {
  const error = decoded(429, {
    error: {
      code: 429,
      message: 'Quota exceeded',
      status: 'RESOURCE_EXHAUSTED',
      details: [
        {
          '@type': type('QuotaFailure'),
          violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier' }],
        },
        { '@type': type('RetryInfo'), retryDelay: '20s' },
      ],
    },
  })
  assert.equal(error.code, 'upstream_rate_limited')
  assert.equal(error.facts.exhausted, true)
})

test("the caller's mistakes keep status, words and field", () => {
  const error = decoded(400, [
    {
      error: {
        code: 400,
        message: 'Unknown name "x"',
        status: 'INVALID_ARGUMENT',
        details: [{ '@type': type('BadRequest'), fieldViolations: [{ field: 'tools[0].x' }] }],
      },
    },
  ])
  assert.equal(error.status, 400)
  assert.equal(error.message, 'Unknown name "x"')
  assert.equal(error.facts.param, 'tools[0].x')
  assert.deepEqual(error.facts.upstreamWords, {
    type: 'INVALID_ARGUMENT',
    code: 'INVALID_ARGUMENT',
  })
})

test('what is no JSON says nothing', () => {
  assert.equal(decoded(502, '<html>nginx</html>').message, 'the provider answered 502')
  assert.equal(decoded(503, '').status, 503)
})

test('a sign-in error has a form of its own', () => {
  const body = { error: 'invalid_grant', error_description: 'Bad Request' }
  assert.equal(decoded(400, body).message, 'Bad Request')
  assert.equal(decoded(400, { error: 'invalid_grant' }).message, 'invalid_grant')
})

test('an error inside a 200 says what status it would have had', () => {
  const inner = (error: object): GatewayError => decodeInnerError({ error })
  assert.equal(inner({ code: 503, message: 'Busy' }).status, 503)
  assert.equal(
    inner({ status: 'RESOURCE_EXHAUSTED', message: 'Wait' }).code,
    'upstream_rate_limited',
  )
  assert.equal(inner({ message: 'Odd' }).status, 502)
})
