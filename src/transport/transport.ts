import type { Headers } from '../core/dialect.ts'
import type { GatewayError } from '../core/errors.ts'

export interface UpstreamRequest {
  /** Path and query, already encoded. */
  readonly path: string
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly body: Uint8Array
  /** On a connection that nothing has gone over before; absent: on any. */
  readonly fresh?: boolean
}

/**
 * Told what comes back, in order: the head once, data, then the end or a failure, and nothing after that. Called
 * synchronously as bytes arrive: a stream costs no promise per chunk.
 */
export interface ExchangeHandler {
  /** It goes out on a connection now; where nobody tells, it is not called. */
  onSent?(): void
  onHead(status: number, headers: Headers): void
  onData(chunk: Buffer): void
  onEnd(): void
  /** Only with errors of the `upstream_*` kind. Not called after `abort`. */
  onFailure(error: GatewayError): void
}

/** One request under way. */
export interface Exchange {
  /** False while nothing can have reached the other side, so that nothing can have been billed. */
  readonly dispatched: boolean
  /** Whether it still waits for one of the connections there may be, which says nothing about the other side. */
  readonly waiting?: boolean
  /** Closes the upstream's side at once, in whatever phase it is. */
  abort(): void
  pause(): void
  resume(): void
}

/** The way to one provider: its pool of connections, or the built-in demo. */
export interface Endpoint {
  send(request: UpstreamRequest, handler: ExchangeHandler): Exchange
}
