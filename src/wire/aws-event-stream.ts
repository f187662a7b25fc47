import { crc32 } from 'node:zlib'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import { GatewayError } from '../core/errors.ts'
import type { Framer } from './translate/event-decoder.ts'

const maxFrameBytes = 16 * 1024 * 1024
/** Length of the frame, length of its headers, and the checksum of these two. */
const preludeBytes = 12
/** The prelude and the checksum at the end. */
const leastFrameBytes = 16

export interface EventStreamFrame {
  /** Only those whose value is text; their names as they are, `:event-type`. */
  readonly headers: Readonly<Record<string, string>>
  readonly payload: string
}

/**
 * Cuts AWS's binary event stream at its frames, wherever the network cut it. Linear also for one huge frame in tiny
 * chunks. Throws `upstream_invalid_response` over 16 MiB a frame and where a checksum is wrong, as soon as the bytes
 * that are wrong are there; frames before them are handed out first.
 */
export class EventStreamFramer implements Framer<EventStreamFrame> {
  readonly #codec = new EventStreamCodec(utf8Of, bytesOf)
  /** The unfinished frame; `#length` of its bytes are in use. */
  #buffer: Buffer = Buffer.alloc(0)
  #length = 0
  /** How many bytes must be there before anything can be done with them. */
  #needed = preludeBytes

  /** Half a frame is no frame: whether that matters is for the reader to say. */
  end(): null {
    return null
  }

  *push(chunk: Uint8Array): Iterable<EventStreamFrame> {
    const bytes = this.#length === 0 ? viewOf(chunk) : this.#append(chunk)
    let at = 0
    while (bytes.length - at >= this.#needed) {
      const size = frameSize(bytes.subarray(at, at + preludeBytes))
      this.#needed = size
      if (bytes.length - at < size) break
      yield this.#decode(bytes.subarray(at, at + size))
      at += size
      this.#needed = preludeBytes
    }
    this.#keep(bytes, at)
  }

  #append(chunk: Uint8Array): Buffer {
    const needed = this.#length + chunk.length
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(2 * needed)
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    }
    this.#buffer.set(chunk, this.#length)
    this.#length = needed
    return this.#buffer.subarray(0, needed)
  }

  #keep(bytes: Buffer, from: number): void {
    const rest = bytes.length - from
    if (rest > 0 && (from > 0 || this.#length === 0)) {
      const buffer = Buffer.allocUnsafe(Math.max(512, 2 * rest))
      bytes.copy(buffer, 0, from)
      this.#buffer = buffer
    }
    this.#length = rest
  }

  #decode(frame: Buffer): EventStreamFrame {
    let message: ReturnType<EventStreamCodec['decode']>
    try {
      message = this.#codec.decode(frame)
    } catch (cause) {
      throw broken('a frame whose checksum is wrong', cause)
    }
    const headers: Record<string, string> = {}
    for (const [name, { value }] of Object.entries(message.headers))
      if (typeof value === 'string') headers[name] = value
    return { headers, payload: utf8Of(message.body) }
  }
}

function frameSize(prelude: Buffer): number {
  // Checked before the frame is awaited: a wrong length would have us wait for bytes that never come.
  if (crc32(prelude.subarray(0, 8)) !== prelude.readUInt32BE(8))
    throw broken('a frame whose checksum is wrong')
  const size = prelude.readUInt32BE(0)
  if (size > maxFrameBytes) throw broken(`a frame of over ${maxFrameBytes / 1024 / 1024} MiB`)
  if (size < leastFrameBytes + prelude.readUInt32BE(4)) throw broken('a frame that is too short')
  return size
}

const broken = (what: string, cause?: unknown): GatewayError =>
  new GatewayError('upstream_invalid_response', `The provider sent ${what}`, { cause })

const viewOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const utf8Of = (bytes: Uint8Array | string): string =>
  typeof bytes === 'string' ? bytes : viewOf(bytes).toString('utf8')

const bytesOf = (text: string): Uint8Array => Buffer.from(text)
