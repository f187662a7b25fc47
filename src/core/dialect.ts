import type { GatewayError } from './errors.ts'

/** Bytes in, events out. Synchronous: a stream costs one await per network chunk and none per token. */
export interface StreamDecoder<Event> {
  /** Never throws: what it cannot read becomes an `error` event, the last one. */
  push(chunk: Uint8Array): readonly Event[]
  /** The upstream closed. Without a finish before it that is an `error` event, never a quiet end. */
  end(): readonly Event[]
  /** The provider has said its very last word: the stream may be ended without waiting for its close. */
  readonly done?: boolean
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
    /** `now` is epoch milliseconds, for dates in headers. */
    decode(status: number, headers: Headers, body: Uint8Array, now: number): GatewayError
    encode(error: GatewayError): Uint8Array
  }
}

/** What a provider's reply does not say and its reader must know. */
export interface ReplyContext {
  /** The model as it was asked, for providers that do not name the one that answered. */
  readonly model: string
  /** Epoch seconds. */
  readonly createdAt: number
  /** Unique in the process; letters, digits and dashes. */
  newId(): string
  /** Of the request: the tool whose arguments are the answer itself (`response_format` said as a tool); null: none. */
  readonly answerTool: string | null
}

/** Bytes of pictures that only a link was given of; the key is the link. */
export type FetchedImages = ReadonlyMap<
  string,
  { readonly mediaType: string; readonly base64: string }
>

export interface EncodeOptions {
  /** The model's name on the provider's side. */
  readonly model: string
  /** What cannot be said is left out and reported, where it else would be refused. */
  readonly dropUnsupported: boolean
  readonly images: FetchedImages
}

export interface EncodedRequest {
  readonly body: Uint8Array
  /** Parameters that were left out, as the caller spells them: `seed`, `messages[2].name`. */
  readonly dropped: readonly string[]
  readonly answerTool: string | null
  /** Headers this request needs besides the adapter's. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A wire format that only providers speak: the half of a dialect that faces them. Pure. */
export interface ProviderDialect<Request, Reply, Event> {
  readonly name: string
  /** Its streams are binary frames. */
  readonly binaryStream?: true
  /** Throws `unsupported_parameter` with `param` for what it cannot say. */
  encodeRequest(request: Request, options: EncodeOptions): EncodedRequest
  /** Throws `upstream_invalid_response`, or the provider's own error where a 200 holds one. */
  decodeReply(body: Uint8Array, context: ReplyContext): Reply
  createDecoder(context: ReplyContext): StreamDecoder<Event>
  /** `now` is epoch milliseconds, for dates in headers. */
  decodeError(status: number, headers: Headers, body: Uint8Array, now: number): GatewayError
}
