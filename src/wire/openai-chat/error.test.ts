import assert from 'node:assert/strict'
import test from 'node:test'
import { GatewayError } from '../../core/errors.ts'
import type { JsonObject } from '../json.ts'
import { decodeError, decodeInnerError, encodeError, errorFrame } from './error.ts'

const decode = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  decodeError(
    status,
    headers,
    Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    0,
  )
const envelopeOf = (error: GatewayError): JsonObject =>
  JSON.parse(Buffer.from(encodeError(error)).toString('utf8')) as JsonObject

test('the words of a refused credential never reach anybody, since they quote it', () => {
  const key = 'sk-proj-very-secret-0123456789'
  for (const [status, message] of [
    [401, `Incorrect API key provided: ${key}`],
    [403, `The key ${key} may not use this model`],
    [400, `Invalid API key: ${key}`],
  ] as const) {
    const error = decode(status, { error: { message, code: key, type: key } })
    assert.ok(!JSON.stringify([error, error.message, envelopeOf(error)]).includes(key), message)
  }
})

test('a caller who speaks of an API key in a schema is not taken for a bad key of ours', () => {
  const error = decode(400, { error: { message: "Unknown name 'apikey' in the request" } })
  assert.equal(error.code, 'upstream_rejected')
})

test('how long to wait is kept, from whatever header tells it', () => {
  assert.equal(decode(429, {}, { 'retry-after': '7' }).facts.retryAfterMs, 7000)
  assert.equal(decode(503, {}, { 'retry-after-ms': '1500' }).facts.retryAfterMs, 1500)
  assert.equal(
    decode(429, {}, { 'retry-after-ms': '0', 'retry-after': '1' }).facts.retryAfterMs,
    1000,
  )
})

test('a long message is cut to two kibibytes at the border of a character', () => {
  const error = decode(400, { error: { message: 'ü€👋'.repeat(1000) } })
  const { message } = envelopeOf(error)['error'] as { message: string }
  assert.ok(Buffer.byteLength(message) <= 2048)
  assert.ok(Buffer.byteLength(message) > 2000)
  assert.ok(message.endsWith('…') && !message.includes('\ufffd'))
  const own = new GatewayError('invalid_request', 'é'.repeat(3000))
  assert.ok(Buffer.byteLength((envelopeOf(own)['error'] as { message: string }).message) <= 2048)
})

test('an error inside a 200 counts as the status it names', () => {
  for (const [wire, code, status] of [
    [{ error: { message: 'x', code: 429 } }, 'upstream_rate_limited', 429],
    [{ error: { message: 'x', code: '429' } }, 'upstream_rate_limited', 429],
    [{ error: { message: 'x', type: 'rate_limit_error' } }, 'upstream_rate_limited', 429],
    [{ error: { message: 'x', status: 'RESOURCE_EXHAUSTED' } }, 'upstream_rate_limited', 429],
    [{ error: { message: 'x', type: 'authentication_error' } }, 'upstream_auth_failed', 502],
    [{ error: { message: 'x', code: 'content_filter', status: 400 } }, 'upstream_rejected', 400],
    [{ error: { message: 'x', code: 'context_length_exceeded' } }, 'upstream_rejected', 400],
    [{ error: { message: 'x', status_code: 400, code: 'y' } }, 'upstream_rejected', 400],
    [{ error: { message: 'x', type: 'overloaded_error' } }, 'upstream_error', 502],
    [{ error: { message: 'x', type: 'server_error', code: null } }, 'upstream_error', 502],
    [{ error: { message: 'x', code: 503 } }, 'upstream_error', 503],
    [{ error: 'it broke' }, 'upstream_error', 502],
    [{ error: {} }, 'upstream_error', 502],
    [{ error: true }, 'upstream_error', 502],
  ] as const) {
    const error = decodeInnerError(wire)
    assert.deepEqual([error.code, error.status], [code, status], JSON.stringify(wire))
    assert.notEqual(error.message, '')
  }
})

test("the gateway's own errors say so, the caller's faults do not", () => {
  const own = (error: GatewayError) => envelopeOf(error)['is_bifrost_error']
  assert.equal(own(new GatewayError('internal_error', 'x')), true)
  assert.equal(own(new GatewayError('upstream_unreachable', 'x')), true)
  assert.equal(own(new GatewayError('invalid_api_key', 'x')), true)
  assert.equal(own(new GatewayError('key_disabled', 'x')), true)
  assert.equal(own(new GatewayError('invalid_request', 'x')), false)
  assert.equal(own(new GatewayError('model_not_found', 'x')), false)
})

test('clients of the other family find their words at the top', () => {
  const word = (error: GatewayError) => envelopeOf(error)['type']
  assert.equal(word(new GatewayError('invalid_api_key', 'x')), 'virtual_key_not_found')
  assert.equal(word(new GatewayError('key_disabled', 'x')), 'virtual_key_blocked')
  assert.equal(word(new GatewayError('model_not_allowed', 'x')), 'model_blocked')
  assert.equal(word(new GatewayError('too_deep', 'x')), 'too_deep')
})

test('causes, stacks and facts stay out of what is sent', () => {
  const error = new GatewayError('internal_error', 'It failed', {
    cause: new Error('password=hunter2'),
    headers: { 'x-secret': 'hunter2' },
  })
  const sent = Buffer.from(encodeError(error)).toString()
  assert.ok(!sent.includes('hunter2') && !sent.includes('.ts:'), sent)
})

test('a failed stream is told in one frame', () => {
  const frame = errorFrame(new GatewayError('upstream_timeout', 'line one\nline two'))
  assert.match(frame, /^data: \{[^\n]*\}\n\n$/)
  assert.equal(JSON.parse(frame.slice(6)).error.message, 'line one\nline two')
})

test('a type, a code and a parameter are words: what is longer is cut to 128 characters', () => {
  const long = 'w'.repeat(5000)
  const told = envelopeOf(
    decode(400, { error: { message: 'm', type: long, code: long, param: long } }),
  ) as { error: Record<string, string>; type: string }
  const { type, code, param } = told.error
  for (const word of [type, code, param, told.type]) assert.equal(word, `${'w'.repeat(127)}…`)
  const short = 'w'.repeat(128)
  const kept = envelopeOf(decode(400, { error: { message: 'm', code: short } }))
  assert.equal((kept['error'] as { code: string }).code, short)
})
