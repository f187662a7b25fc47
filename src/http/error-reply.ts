import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GatewayError } from '../core/errors.ts'
import type { Clock } from '../core/runtime.ts'
import { encodeError } from '../wire/openai-chat/error.ts'

const lingerBytes = 64 * 1024
const lingerMs = 1000

/**
 * Answers with the envelope: the only renderer of errors before a stream has begun. `headers` are names and values in
 * turn. Returns the body's size.
 */
export function sendError(
  res: ServerResponse,
  error: GatewayError,
  headers: readonly string[],
  clock: Clock,
): number {
  if (res.headersSent || res.destroyed) return 0
  const body = encodeError(error)
  const closeConnection = error.facts.closeConnection || hasMuchToCome(res.req)
  res.writeHead(error.status, [
    'content-type',
    'application/json',
    'content-length',
    String(body.length),
    'x-content-type-options',
    'nosniff',
    ...Object.entries({ ...retryHeaders(error), ...error.facts.headers }).flat(),
    ...headers,
    ...(closeConnection ? ['connection', 'close'] : []),
  ])
  if (closeConnection && !res.req.complete) lingerThenClose(res, body, clock)
  else res.end(body)
  return body.length
}

/** A small rest of a body is read and forgotten, so that the connection can be used again; a large one is not. */
function hasMuchToCome({ complete, headers }: IncomingMessage): boolean {
  if (complete) return false
  return (
    headers['transfer-encoding'] !== undefined ||
    Number(headers['content-length'] ?? 0) > lingerBytes
  )
}

/** `x-should-retry` where the answer is known; absent, an SDK's own rule is right. */
function retryHeaders(error: GatewayError): Record<string, string> {
  const { status, code, facts } = error
  const wait = waitHeaders(error)
  // Waiting brings no money back.
  if (facts.exhausted) return { 'x-should-retry': 'false' }
  // A 503 says of itself that only waiting helps, also where a provider said it.
  if (error.shouldRetry || status === 503) return { 'x-should-retry': 'true', ...wait }
  // What we tried again ourselves is not to be multiplied.
  if (facts.retried) return { 'x-should-retry': 'false' }
  const maybeBilled = (status === 502 || status === 504) && facts.dispatched !== false
  const cannotHelp = status < 500 || code === 'internal_error' || code === 'upstream_auth_failed'
  return maybeBilled || cannotHelp ? { 'x-should-retry': 'false' } : {}
}

function waitHeaders({ facts: { retryAfterMs } }: GatewayError): Record<string, string> {
  return {
    'retry-after': String(Math.max(1, Math.ceil((retryAfterMs ?? 1000) / 1000))),
    ...(retryAfterMs !== undefined && { 'retry-after-ms': String(Math.ceil(retryAfterMs)) }),
  }
}

/**
 * The rest of a refused body is thrown away for a moment before the connection is closed: closing at once would
 * reset it, and the answer would be lost on the way.
 */
function lingerThenClose(res: ServerResponse, body: Uint8Array, clock: Clock): void {
  const { req } = res
  let discarded = 0
  const close = (): void => {
    timer.cancel()
    res.end()
    req.socket.destroySoon()
  }
  const timer = clock.timer(lingerMs, close)
  res.write(body)
  req.on('data', (chunk: Buffer) => {
    discarded += chunk.length
    // A client that pushes on without reading is left to the timer, which costs nothing.
    if (discarded > lingerBytes) req.pause()
  })
  req.on('end', close)
  req.on('error', close)
  res.on('close', () => timer.cancel())
  req.resume()
}
