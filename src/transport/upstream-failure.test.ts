import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeFailure } from './upstream-failure.ts'

const failure = (code: string, message = 'boom at 10.0.0.1:443'): Error =>
  Object.assign(new Error(message), { code })

test('what failed while connecting says why, and that nothing was sent', () => {
  const cases = {
    ECONNREFUSED: /connection refused/,
    ENOTFOUND: /name lookup failed/,
    UND_ERR_CONNECT_TIMEOUT: /no connection in time/,
    UND_ERR_PRX_CONN: /proxy/,
    ESOMETHING: /ESOMETHING/,
    '': /network error/,
  }
  for (const [code, message] of Object.entries(cases)) {
    const error = describeFailure(failure(code), 'connecting')
    assert.equal(error.code, 'upstream_unreachable')
    assert.match(error.message, message)
    assert.equal(error.facts.dispatched, false)
  }
})

test('a fault of TLS is told from one of the network, in every phase', () => {
  const codes = [
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_TLS_HANDSHAKE_TIMEOUT',
  ]
  for (const code of codes)
    assert.equal(describeFailure(failure(code), 'connecting').code, 'upstream_tls_error', code)
  const early = 'Client network socket disconnected before secure TLS connection was established'
  assert.equal(
    describeFailure(failure('ECONNRESET', early), 'connecting').code,
    'upstream_tls_error',
  )
})

test('what breaks after the request went out may have been billed', () => {
  for (const code of ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']) {
    const sent = describeFailure(failure(code), 'sent')
    assert.equal(sent.code, 'upstream_unreachable')
    assert.equal(sent.facts.dispatched, true)
    const answering = describeFailure(failure(code), 'answering')
    assert.equal(answering.code, 'upstream_stream_truncated')
    assert.equal(answering.facts.dispatched, true)
  }
})

test('an answer that is no HTTP is invalid, one that ends before its length says is cut', () => {
  for (const code of ['HPE_INVALID_CONSTANT', 'UND_ERR_HEADERS_OVERFLOW', 'HPE_INVALID_CHUNK_SIZE'])
    for (const phase of ['sent', 'answering'] as const)
      assert.equal(describeFailure(failure(code), phase).code, 'upstream_invalid_response', code)
  const words = 'Response does not match the HTTP/1.1 protocol'
  const parser = (reason: string): Error =>
    Object.assign(new Error(`${words} (${reason})`), { name: 'HTTPParserError' })
  for (const cut of [parser('Invalid EOF state'), failure('UND_ERR_RES_CONTENT_LENGTH_MISMATCH')])
    assert.equal(describeFailure(cut, 'answering').code, 'upstream_stream_truncated')
  const bad = describeFailure(parser('Invalid character in chunk size'), 'answering')
  assert.equal(bad.code, 'upstream_invalid_response')
})

test('the message never repeats what the library said, which may hold an address', () => {
  for (const code of ['ECONNREFUSED', 'HPE_X', 'CERT_HAS_EXPIRED', 'UND_ERR_SOCKET'])
    for (const phase of ['connecting', 'sent', 'answering'] as const) {
      const error = describeFailure(failure(code), phase)
      assert.doesNotMatch(error.message, /10\.0\.0\.1/)
      assert.match(String(error.facts.cause), /10\.0\.0\.1/)
    }
})

test('descriptors that have run out are our own trouble, and no fault of the provider', () => {
  for (const code of ['EMFILE', 'ENFILE']) {
    const error = describeFailure(failure(code), 'connecting')
    assert.equal(error.code, 'overloaded')
    assert.equal(error.facts.dispatched, false)
    assert.match(error.message, new RegExp(code))
  }
})
