import { GatewayError } from '../core/errors.ts'

const LF = 10
const CR = 13
const SPACE = 32
const COLON = 58
const maxEventBytes = 16 * 1024 * 1024

export interface SseEvent {
  /** The event's bytes as they came, its closing blank line included. */
  readonly raw: Uint8Array
  /** Its `data` lines joined by line feeds; null where it has none (comments, stray blank lines). */
  readonly data: string | null
  /** The value of its `event` line. */
  readonly name: string | null
}

/**
 * Cuts a stream of server-sent events at their borders, on bytes: a cut inside a character or inside CR LF does no
 * harm, and text is decoded only once a line is whole. Linear also for one huge event in tiny chunks.
 * Source: WHATWG HTML, "Interpreting an event stream". Throws `upstream_invalid_response` over 16 MiB an event.
 */
export class SseFramer {
  /** The unfinished event; `#length` of its bytes are in use. */
  #buffer: Buffer = Buffer.alloc(0)
  #length = 0
  #scanned = 0
  #lineStart = 0
  #afterCr = false
  #data: string | null = null
  #name: string | null = null
  #first = true

  push(chunk: Uint8Array): SseEvent[] {
    const bytes = this.#length === 0 ? asBuffer(chunk) : this.#append(chunk)
    const events: SseEvent[] = []
    let eventStart = 0
    let lineStart = this.#lineStart
    let at = this.#scanned
    if (this.#afterCr && at < bytes.length) {
      this.#afterCr = false
      // The second half of a line end that a cut went through.
      if (bytes[at] === LF) lineStart = ++at
    }
    // Each is searched for again only once it was passed, which keeps this linear in streams of either kind.
    let lf = -1
    let cr = -1
    while (at < bytes.length) {
      if (lf < at) lf = placeOf(LF, bytes, at)
      if (cr < at) cr = placeOf(CR, bytes, at)
      const end = Math.min(lf, cr)
      if (end === bytes.length) break
      const blank = end === lineStart
      if (!blank) this.#line(bytes, lineStart, end)
      at = end + 1
      if (end === cr) {
        if (bytes[at] === LF) at++
        else if (at === bytes.length) this.#afterCr = true
      }
      lineStart = at
      if (blank) {
        events.push({
          raw: bytes.subarray(eventStart, lineStart),
          data: this.#data,
          name: this.#name,
        })
        this.#data = this.#name = null
        eventStart = lineStart
      }
    }
    this.#keep(bytes, eventStart, lineStart - eventStart)
    return events
  }

  /** The last event where its closing blank line is missing. Its `raw` is then closed here, so that it can be passed on. */
  end(): SseEvent | null {
    if (this.#length > this.#lineStart) this.#line(this.#buffer, this.#lineStart, this.#length)
    if (this.#data === null) return null
    const open = this.#length > this.#lineStart
    const raw = Buffer.concat([
      this.#buffer.subarray(0, this.#length),
      Buffer.from(open ? '\n\n' : '\n'),
    ])
    const event = { raw, data: this.#data, name: this.#name }
    this.#data = this.#name = null
    this.#length = this.#lineStart = this.#scanned = 0
    return event
  }

  #append(chunk: Uint8Array): Buffer {
    const needed = this.#length + chunk.length
    if (needed > maxEventBytes)
      throw new GatewayError(
        'upstream_invalid_response',
        `The provider sent an event of over ${maxEventBytes / 1024 / 1024} MiB`,
      )
    if (needed > this.#buffer.length) {
      // Doubling keeps one huge event in tiny chunks linear; joining on every push would be quadratic.
      const grown = Buffer.allocUnsafe(2 * needed)
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    }
    this.#buffer.set(chunk, this.#length)
    this.#length = needed
    return this.#buffer.subarray(0, needed)
  }

  /** Events handed out are views, so the unfinished rest moves to bytes of its own instead of to the front of these. */
  #keep(bytes: Buffer, from: number, lineStart: number): void {
    const rest = bytes.length - from
    if (rest === 0) this.#length = 0
    else if (from > 0 || this.#length === 0) {
      this.#buffer = Buffer.allocUnsafe(Math.max(512, 2 * rest))
      bytes.copy(this.#buffer, 0, from)
      this.#length = rest
    }
    this.#scanned = rest
    this.#lineStart = rest === 0 ? 0 : lineStart
  }

  #line(bytes: Buffer, start: number, end: number): void {
    let from = start
    if (this.#first) {
      this.#first = false
      if (bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf) from += 3
    }
    let colon = from
    while (colon < end && bytes[colon] !== COLON) colon++
    if (colon === from) return
    const length = colon - from
    if (length !== 4 && length !== 5) return
    const isData = length === 4 && isWord(bytes, from, dataWord)
    if (!isData && !(length === 5 && isWord(bytes, from, eventWord))) return
    const valueStart = bytes[colon + 1] === SPACE ? colon + 2 : colon + 1
    const value = valueStart < end ? bytes.toString('utf8', valueStart, end) : ''
    if (isData) this.#data = this.#data === null ? value : `${this.#data}\n${value}`
    else this.#name = value
  }
}

/** Where a byte stands next; the length of the bytes where it does not. */
function placeOf(byte: number, bytes: Buffer, from: number): number {
  const place = bytes.indexOf(byte, from)
  return place < 0 ? bytes.length : place
}

const dataWord = Buffer.from('data')
const eventWord = Buffer.from('event')

function isWord(bytes: Buffer, from: number, word: Buffer): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[from + i] !== word[i]) return false
  return true
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
