import type { GatewayError } from './errors.ts'

/** Bytes in, events out. Synchronous: a stream costs one await per network chunk and none per token. */
export interface StreamDecoder<Event> {
  /** Never throws: what it cannot read becomes an `error` event, the last one. */
  push(chunk: Uint8Array): readonly Event[]
  /** The upstream closed. Without a finish before it that is an `error` event, never a quiet end. */
  end(): readonly Event[]
}

export interface StreamEncoder<Event> {
  push(events: readonly Event[]): string
  /** The terminator; empty after an error, so that a broken stream never looks finished. */
  end(): string
}

/** Header names in lower case. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** One wire format in both directions: the API side decodes requests and encodes the rest, a provider the reverse. */
export interface Dialect<Request, Reply, Event> {
  readonly name: string
  readonly request: { decode(body: Uint8Array): Request; encode(request: Request): Uint8Array }
  readonly reply: { decode(body: Uint8Array): Reply; encode(reply: Reply): Uint8Array }
  readonly events: { decoder(): StreamDecoder<Event>; encoder(): StreamEncoder<Event> }
  readonly error: {
    /** The only place that reads an upstream's status number. `now` is epoch milliseconds, for dates in headers. */
    decode(status: number, headers: Headers, body: Uint8Array, now: number): GatewayError
    encode(error: GatewayError): Uint8Array
  }
}
