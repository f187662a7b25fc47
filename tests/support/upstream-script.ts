import { STATUS_CODES } from 'node:http'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'

export type Bytes = string | Uint8Array

/** Where one write is cut into separate segments; offsets count wire bytes of that one step. */
export type Split =
  | { readonly every: number; readonly pauseMs?: number }
  | { readonly at: readonly number[]; readonly pauseMs?: number }

export type Headers =
  | Readonly<Record<string, string | readonly string[]>>
  | readonly (readonly [string, string])[]

export type Step =
  | {
      readonly kind: 'write'
      readonly bytes: Buffer
      readonly split: Split | undefined
      /** Offsets at which one more billed token is out. */
      readonly tokenEnds: readonly number[]
    }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'until'; readonly promise: Promise<unknown> }
  | { readonly kind: 'stall' }
  | { readonly kind: 'close'; readonly how: 'fin' | 'rst' | 'half' }
  | { readonly kind: 'drop-next'; readonly how: 'fin' | 'rst' }
  | { readonly kind: 'keep-open' }
  | { readonly kind: 'reading'; readonly on: boolean }
  | ({ readonly kind: 'repeat'; readonly make: (index: number) => Steps } & RepeatBounds)

/** A step, or steps in any nesting: what one function makes can stand inside another's list. */
export type Steps = Step | readonly Steps[]

interface RepeatBounds {
  readonly times: number
  readonly everyMs: number
  readonly maxMs: number
  readonly maxBytes: number
}

const bytesOf = (bytes: Bytes): Buffer =>
  typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes)

export function raw(bytes: Bytes, split?: Split): Step {
  return { kind: 'write', bytes: bytesOf(bytes), split, tokenEnds: [] }
}

/** Status line and headers exactly as given: a line end inside a value or reason goes out as it is. */
export function head(
  status: number,
  headers: Headers = {},
  options: { reason?: string; split?: Split } = {},
): Step {
  const lines = [`HTTP/1.1 ${status} ${options.reason ?? STATUS_CODES[status] ?? 'Unknown'}`]
  for (const [name, value] of listHeaders(headers)) lines.push(`${name}: ${value}`)
  return raw(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), options.split)
}

function listHeaders(headers: Headers): readonly (readonly [string, string])[] {
  if (isList(headers)) return headers
  return Object.entries(headers).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] as const] : value.map((one) => [name, one] as const),
  )
}

const isList = (headers: Headers): headers is readonly (readonly [string, string])[] =>
  Array.isArray(headers)

interface ReplyOptions {
  /** A lie about the length, for truncated or overlong bodies. */
  readonly contentLength?: number
  readonly split?: Split
}

/** A whole reply with content-length, in one write. */
export function reply(
  status: number,
  body: Bytes,
  headers: Headers = {},
  options: ReplyOptions = {},
): Step {
  const bytes = bytesOf(body)
  const length = String(options.contentLength ?? bytes.length)
  const top = head(status, [...listHeaders(headers), ['content-length', length]])
  const start = top.kind === 'write' ? top.bytes : Buffer.alloc(0)
  return raw(Buffer.concat([start, bytes]), options.split)
}

export function json(
  status: number,
  value: unknown,
  headers: Headers = {},
  options: ReplyOptions = {},
): Step {
  const list = listHeaders(headers)
  const typed = list.some(([name]) => name.toLowerCase() === 'content-type')
  const all = typed ? list : [['content-type', 'application/json'] as const, ...list]
  return reply(status, JSON.stringify(value), all, options)
}

export const redirect = (status: number, location: string): Step => reply(status, '', { location })

const encoders = {
  gzip: (bytes: Buffer) => gzipSync(bytes),
  deflate: (bytes: Buffer) => deflateSync(bytes),
  br: (bytes: Buffer) => brotliCompressSync(bytes),
  zstd: (bytes: Buffer) => zstdCompressSync(bytes),
}

/** A JSON-typed reply, its body put through each encoding in turn. */
export function encoded(
  status: number,
  body: Bytes,
  encodings: readonly (keyof typeof encoders)[],
  headers: Headers = {},
): Step {
  const bytes = encodings.reduce((inner, name) => encoders[name](inner), bytesOf(body))
  const extra: [string, string][] = [
    ['content-type', 'application/json'],
    ['content-encoding', encodings.join(', ')],
  ]
  return reply(status, bytes, [...extra, ...listHeaders(headers)])
}

/** One HTTP chunk around the bytes. */
export function chunk(bytes: Bytes, split?: Split): Step {
  return raw(frameChunk(bytesOf(bytes)), split)
}

export const lastChunk = (): Step => raw('0\r\n\r\n')

function frameChunk(bytes: Buffer): Buffer {
  const size = Buffer.from(`${bytes.length.toString(16)}\r\n`)
  return Buffer.concat([size, bytes, Buffer.from('\r\n')])
}

/** A reply whose body goes out as one chunk per part. */
export function chunked(
  parts: Bytes | readonly Bytes[],
  options: { status?: number; headers?: Headers; split?: Split } = {},
): Step[] {
  const list = typeof parts === 'string' || parts instanceof Uint8Array ? [parts] : parts
  const headers = listHeaders(options.headers ?? { 'content-type': 'application/json' })
  return [
    head(options.status ?? 200, [...headers, ['transfer-encoding', 'chunked']]),
    ...list.map((part) => chunk(part, options.split)),
    lastChunk(),
  ]
}

export interface EventOptions {
  /** `chunked` wraps each event in its own chunk; `close` writes it bare and the end is a FIN. */
  readonly framing?: 'chunked' | 'close'
  readonly lineEnd?: '\n' | '\r\n' | '\r'
  readonly split?: Split
  /** Billed tokens in this event; by default one where a choice's delta carries text. */
  readonly tokens?: number
}

/** One server-sent event: an object is sent as JSON, a string as it is. */
export function event(data: object | string, options: EventOptions = {}): Step {
  const end = options.lineEnd ?? '\n'
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  return frame(`data: ${text}${end}${end}`, { tokens: countTokens(data), ...options })
}

/** Any bytes of an event stream, such as a comment, half an event or garbage. */
export function frame(bytes: Bytes, options: EventOptions = {}): Step {
  const bare = bytesOf(bytes)
  const wire = options.framing === 'close' ? bare : frameChunk(bare)
  const tokenEnds = Array.from({ length: options.tokens ?? 0 }, () => wire.length)
  return { kind: 'write', bytes: wire, split: options.split, tokenEnds }
}

function countTokens(data: object | string): number {
  if (typeof data === 'string' || !('choices' in data) || !Array.isArray(data.choices)) return 0
  return data.choices.filter((choice) => hasText(choice?.delta)).length
}

function hasText(delta: Record<string, unknown> | undefined): boolean {
  if (!delta) return false
  if (delta['content'] || delta['reasoning_content'] || delta['refusal']) return true
  const calls = delta['tool_calls']
  return (
    Array.isArray(calls) && calls.some((call) => call?.function?.arguments || call?.custom?.input)
  )
}

export function streamHead(headers: Headers = {}, framing: 'chunked' | 'close' = 'chunked'): Step {
  const list: [string, string][] = [['content-type', 'text/event-stream; charset=utf-8']]
  list.push(framing === 'chunked' ? ['transfer-encoding', 'chunked'] : ['connection', 'close'])
  return head(200, [...list, ...listHeaders(headers)])
}

interface StreamOptions extends EventOptions {
  readonly headers?: Headers
  readonly everyMs?: number
  /** False leaves out `[DONE]`. */
  readonly done?: boolean
  /** False leaves out the end of the body, for steps that go on or break off. */
  readonly end?: boolean
}

/** A whole event stream: head, events, `[DONE]` and the end of the body. */
export function sse(events: readonly (object | string)[], options: StreamOptions = {}): Steps {
  const { headers, everyMs, done = true, end = true, ...each } = options
  const framing = each.framing ?? 'chunked'
  const all = done ? [...events, '[DONE]'] : events
  const body = all.map((data, index) =>
    everyMs && index > 0 ? [wait(everyMs), event(data, each)] : event(data, each),
  )
  const last = framing === 'chunked' ? lastChunk() : fin()
  return [streamHead(headers, framing), body, end ? last : []]
}

export const wait = (ms: number): Step => ({ kind: 'wait', ms })
export const until = (promise: Promise<unknown>): Step => ({ kind: 'until', promise })
/** Says nothing more until the peer goes. */
export const stall = (): Step => ({ kind: 'stall' })
export const fin = (): Step => ({ kind: 'close', how: 'fin' })
export const rst = (): Step => ({ kind: 'close', how: 'rst' })
/** Sends FIN and keeps reading; later steps can only wait. */
export const halfClose = (): Step => ({ kind: 'close', how: 'half' })
/** Closes this connection the moment the next request begins to arrive on it. */
export const dropNextRequest = (how: 'fin' | 'rst' = 'fin'): Step => ({ kind: 'drop-next', how })
/** Leaves the connection open although the request said `connection: close`. */
export const keepOpen = (): Step => ({ kind: 'keep-open' })
/** Lets the kernel's buffers fill, so that an upload blocks; the peer's FIN goes unseen meanwhile. */
export const stopReading = (): Step => ({ kind: 'reading', on: false })
export const readOn = (): Step => ({ kind: 'reading', on: true })

export function drip(bytes: Bytes, everyMs: number, sizeBytes = 1): Step {
  const all = bytesOf(bytes)
  return repeat(Math.ceil(all.length / sizeBytes), (index) => raw(part(all, index, sizeBytes)), {
    everyMs,
  })
}

const part = (bytes: Buffer, index: number, sizeBytes: number): Buffer =>
  bytes.subarray(index * sizeBytes, (index + 1) * sizeBytes)

export function repeat(
  times: number,
  make: Steps | ((index: number) => Steps),
  bounds: Partial<Omit<RepeatBounds, 'times'>> = {},
): Step {
  return {
    kind: 'repeat',
    times,
    make: typeof make === 'function' ? make : () => make,
    everyMs: bounds.everyMs ?? 0,
    maxMs: bounds.maxMs ?? 600_000,
    maxBytes: bounds.maxBytes ?? 1024 ** 3,
  }
}

/** Repeats until the peer goes, at most ten minutes and one GiB unless told otherwise. */
export const forever = (
  make: Steps | ((index: number) => Steps),
  bounds: Partial<Omit<RepeatBounds, 'times'>> = {},
): Step => repeat(Number.POSITIVE_INFINITY, make, bounds)

/** A flood of 1xx heads before the real one. */
export const informational = (times: number, status = 103): Step =>
  raw(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nx-flood: 1\r\n\r\n`.repeat(times))

/** Bytes nobody asked for after a finished body: the marker must never reach a client. */
export const secondReply = (marker: string): Step =>
  reply(200, JSON.stringify({ marker }), { 'content-type': 'application/json', 'x-marker': marker })

export const manyHeaders = (count: number): [string, string][] =>
  Array.from({ length: count }, (_, index) => [`x-filler-${index}`, String(index)])

export const bigHeader = (sizeBytes: number): [string, string] => ['x-big', 'b'.repeat(sizeBytes)]
