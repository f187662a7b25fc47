import assert from 'node:assert/strict'
import test from 'node:test'
import { type ErrorCode, errorTable, GatewayError } from './errors.ts'

const codes = Object.keys(errorTable) as ErrorCode[]

test('only what waiting alone can heal asks to be repeated', () => {
  const repeated = codes.filter((code) => errorTable[code].shouldRetry)
  for (const code of repeated) assert.ok([408, 429, 503].includes(errorTable[code].status), code)
  for (const code of codes)
    if ([429, 503].includes(errorTable[code].status)) assert.ok(errorTable[code].shouldRetry, code)
})

test('an error takes what it is from the table, unless its facts know better', () => {
  const error = new GatewayError('upstream_rejected', 'x', {
    status: 422,
    upstreamWords: { type: 'odd', code: null },
  })
  assert.deepEqual([error.status, error.type], [422, 'odd'])
  const bare = new GatewayError('upstream_rejected', 'x')
  assert.deepEqual([bare.status, bare.type], [400, 'invalid_request_error'])
})

test('a mistake of the caller costs no stack, one of ours has it', () => {
  const limit = Error.stackTraceLimit
  assert.doesNotMatch(new GatewayError('invalid_api_key', 'x').stack ?? '', /errors\.test/)
  assert.match(new GatewayError('internal_error', 'x').stack ?? '', /errors\.test/)
  assert.equal(Error.stackTraceLimit, limit)
})

test('what was thrown is kept as the cause and never becomes the message', () => {
  const secret = new Error('sk-secret')
  const error = GatewayError.from(secret, 'storage_unavailable', 'The store is down')
  assert.equal(error.code, 'storage_unavailable')
  assert.equal(error.message, 'The store is down')
  assert.equal(error.cause, secret)
  assert.ok(!GatewayError.from(secret).message.includes('sk-secret'))
  assert.equal(GatewayError.from(error), error)
})
