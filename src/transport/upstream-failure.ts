import { GatewayError } from '../core/errors.ts'

/** How far an exchange had come: what was sent may have been billed. */
export type Phase = 'connecting' | 'sent' | 'answering'

const tls =
  /^(CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO)/
const protocol = /^(HPE_|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_)/
// An answer that ends before its own length says so; the parser's errors have no code, only words.
const cut = /^UND_ERR_RES_CONTENT_LENGTH_MISMATCH |\(Invalid EOF state\)/

/** A failure of the network or of the peer's HTTP, in our words. The library's error stays as the cause. */
export function describeFailure(
  cause: Error & { code?: unknown },
  phase: Phase,
  reusedSocket = false,
): GatewayError {
  const code = typeof cause.code === 'string' ? cause.code : ''
  const facts = { cause, dispatched: phase !== 'connecting' }
  if (tls.test(code) || /\b(SSL|TLS) /.test(cause.message))
    return new GatewayError(
      'upstream_tls_error',
      `no secure connection could be made (${code || 'TLS'})`,
      facts,
    )
  const isCut = phase === 'answering' && cut.test(`${code} ${cause.message}`)
  if (!isCut && (protocol.test(code) || cause.name === 'HTTPParserError'))
    return new GatewayError('upstream_invalid_response', 'the answer is not valid HTTP', facts)
  if (phase === 'answering')
    return new GatewayError(
      'upstream_stream_truncated',
      'the connection broke in the middle of the answer',
      facts,
    )
  if (phase === 'sent')
    return new GatewayError(
      'upstream_unreachable',
      'the connection was closed before an answer came',
      { ...facts, ...(reusedSocket && { reusedSocket }) },
    )
  // Our own trouble: no breaker may open for it.
  if (code === 'EMFILE' || code === 'ENFILE')
    return new GatewayError(
      'overloaded',
      `no connection to it could be opened, since as many files and sockets are open as may be (${code}). Try again in a moment.`,
      facts,
    )
  return new GatewayError(
    'upstream_unreachable',
    `it could not be reached (${reasons[code] ?? (code || 'network error')})`,
    facts,
  )
}

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'name lookup failed',
  EAI_AGAIN: 'name lookup failed for now',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ERR_FORBIDDEN_ADDRESS: 'its address is not one it may be reached at',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  ETIMEDOUT: 'no connection in time',
  UND_ERR_SOCKET: 'connection closed',
  UND_ERR_PRX_CONN: 'the proxy closed the connection',
  UND_ERR_HEADERS_TIMEOUT: 'the proxy did not answer in time',
  UND_ERR_ABORTED: 'the proxy refused',
}
