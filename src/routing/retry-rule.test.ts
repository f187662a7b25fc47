import assert from 'node:assert/strict'
import test from 'node:test'
import { type ErrorCode, type ErrorFacts, errorTable, GatewayError } from '../core/errors.ts'
import { ruleFor } from './retry-rule.ts'

const rule = (code: ErrorCode, facts: ErrorFacts = {}): string => {
  const { same, otherKey, nextTarget, says } = ruleFor(new GatewayError(code, 'x', facts))
  return [same, otherKey ? 'key' : '-', nextTarget ? 'next' : '-', says].join(' ')
}

test('each failure has the row of the table it belongs to', () => {
  const status = (upstreamStatus: number): ErrorFacts => ({ upstreamStatus })
  const rows: readonly (readonly [string, ErrorCode, ErrorFacts])[] = [
    ['once key next failure', 'upstream_unreachable', { dispatched: false }],
    ['once key next failure', 'upstream_timeout', { dispatched: false }],
    ['fresh - next nothing', 'upstream_unreachable', { dispatched: true, reusedSocket: true }],
    ['never key next failure', 'upstream_unreachable', { dispatched: true }],
    ['never key next failure', 'upstream_timeout', { dispatched: true }],
    ['backoff key next failure', 'upstream_timeout', status(408)],
    ...[500, 502, 503, 504, 520, 524, 529].map(
      (each) => ['backoff key next failure', 'upstream_error', status(each)] as const,
    ),
    ['never key next failure', 'upstream_error', status(501)],
    ['backoff - - nothing', 'upstream_rejected', status(409)],
    ['soon key next cool', 'upstream_rate_limited', status(429)],
    ['never key next rest', 'upstream_rate_limited', { upstreamStatus: 429, exhausted: true }],
    ['never key next rest', 'upstream_auth_failed', status(401)],
    ['never key next rest', 'upstream_auth_failed', status(402)],
    ...[400, 404, 413, 415, 422].map(
      (each) => ['never - - nothing', 'upstream_rejected', status(each)] as const,
    ),
    ['never key next failure', 'upstream_invalid_response', { dispatched: true }],
    ['never key next failure', 'upstream_stream_truncated', { dispatched: true }],
    ['once key next failure', 'upstream_tls_error', { dispatched: false }],
    ['never key next failure', 'upstream_tls_error', { dispatched: true }],
    ['never key next nothing', 'upstream_auth_failed', status(400)],
    ['never - next nothing', 'overloaded', {}],
    ['never - next nothing', 'no_healthy_upstream', {}],
    ['never - next nothing', 'unsupported_parameter', {}],
    ['never - next nothing', 'budget_exceeded', {}],
    ['never - next nothing', 'model_unpriced', {}],
    ['never - next nothing', 'rate_limit_exceeded', {}],
  ]
  for (const [expected, code, facts] of rows)
    assert.equal(rule(code, facts), expected, `${code} ${JSON.stringify(facts)}`)
})

test('what is not a provider’s failure is never tried again', () => {
  const tried = new Set([
    'overloaded',
    'no_healthy_upstream',
    'unsupported_parameter',
    // What one target may not cost, or has no price for, another one may.
    'budget_exceeded',
    'model_unpriced',
    'rate_limit_exceeded',
    'token_limit_exceeded',
    'concurrency_exceeded',
  ])
  for (const code of Object.keys(errorTable) as ErrorCode[])
    if (!code.startsWith('upstream_') && !tried.has(code))
      assert.equal(rule(code), 'never - - nothing', code)
})
