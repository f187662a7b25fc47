export interface MessageHead {
  readonly startLine: string
  /** Names and values as they stood on the wire, in order. */
  readonly rawHeaders: readonly (readonly [string, string])[]
  /** Lower-case names; repeated headers are joined with a comma. */
  readonly headers: Readonly<Record<string, string>>
}

interface ReaderLimits {
  readonly maxHeadBytes?: number
  readonly maxBodyBytes?: number
}

type State = 'head' | 'length' | 'until-close' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'done'
type LineState = Extract<State, 'chunk-size' | 'chunk-end'> | 'trailers'

const endOfHead = Buffer.from('\r\n\r\n')

/** Reads one HTTP/1.1 message out of any byte split; throws on what RFC 9112 does not allow. */
export class MessageReader {
  readonly #kind: 'request' | 'response'
  readonly #maxHeadBytes: number
  readonly #maxBodyBytes: number
  #state: State | 'trailers' = 'head'
  #carry: Buffer = Buffer.alloc(0)
  #scannedBytes = 0
  #remaining = 0
  #head: MessageHead | undefined
  readonly #body: Buffer[] = []
  #bodyBytes = 0

  constructor(kind: 'request' | 'response', limits: ReaderLimits = {}) {
    this.#kind = kind
    this.#maxHeadBytes = limits.maxHeadBytes ?? 4 * 1024 * 1024
    this.#maxBodyBytes = limits.maxBodyBytes ?? 200 * 1024 * 1024
  }

  get head(): MessageHead | undefined {
    return this.#head
  }

  get bodyBytes(): number {
    return this.#bodyBytes
  }

  get started(): boolean {
    return this.#head !== undefined || this.#carry.length > 0
  }

  get complete(): boolean {
    return this.#state === 'done'
  }

  /** The first bytes of the body, without joining all of a big one. */
  bodyStart(limitBytes: number): Buffer {
    const taken: Buffer[] = []
    let sizeBytes = 0
    for (const piece of this.#body) {
      if (sizeBytes >= limitBytes) break
      taken.push(piece)
      sizeBytes += piece.length
    }
    return Buffer.concat(taken).subarray(0, limitBytes)
  }

  body(): Buffer {
    if (this.#body.length > 1) this.#body.splice(0, this.#body.length, Buffer.concat(this.#body))
    return this.#body[0] ?? Buffer.alloc(0)
  }

  /** The peer's FIN: it completes a body that has no other end, and no other message. */
  end(): void {
    if (this.#state === 'until-close') this.#state = 'done'
  }

  /** Takes what belongs to this message and gives back what is left over for the next one. */
  push(bytes: Buffer): Buffer {
    let rest = bytes
    while (rest.length > 0 && this.#state !== 'done') rest = this.#step(rest)
    return rest
  }

  #step(bytes: Buffer): Buffer {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes)
      case 'length':
      case 'chunk-data':
        return this.#readCounted(bytes)
      case 'until-close':
        this.#keep(bytes)
        return Buffer.alloc(0)
      case 'done':
        return bytes
      default:
        return this.#readLine(bytes, this.#state)
    }
  }

  #readHead(bytes: Buffer): Buffer {
    const held = this.#carry.length === 0 ? bytes : Buffer.concat([this.#carry, bytes])
    const end = held.indexOf(endOfHead, Math.max(0, this.#scannedBytes - 3))
    if (end < 0) {
      if (held.length > this.#maxHeadBytes) throw new Error('the head is too large')
      this.#carry = held
      this.#scannedBytes = held.length
      return Buffer.alloc(0)
    }
    this.#carry = Buffer.alloc(0)
    this.#head = parseHead(held.toString('latin1', 0, end))
    this.#chooseFraming(this.#head)
    return held.subarray(end + 4)
  }

  #chooseFraming({ headers, startLine }: MessageHead): void {
    const length = headers['content-length']
    const coding = headers['transfer-encoding']
    const status = this.#kind === 'response' ? Number(startLine.split(' ')[1]) : undefined
    if (length !== undefined && coding !== undefined)
      throw new Error('content-length beside transfer-encoding')
    if (status !== undefined && (status < 200 || status === 204 || status === 304)) {
      this.#state = 'done'
    } else if (coding !== undefined) {
      if (coding.toLowerCase() !== 'chunked') throw new Error(`transfer-encoding ${coding}`)
      this.#state = 'chunk-size'
    } else if (length !== undefined) {
      if (!/^\d+$/.test(length)) throw new Error(`content-length ${length}`)
      this.#remaining = Number(length)
      this.#state = this.#remaining === 0 ? 'done' : 'length'
    } else {
      this.#state = this.#kind === 'request' ? 'done' : 'until-close'
    }
  }

  #readCounted(bytes: Buffer): Buffer {
    const taken = bytes.subarray(0, this.#remaining)
    this.#keep(taken)
    this.#remaining -= taken.length
    if (this.#remaining === 0) this.#state = this.#state === 'length' ? 'done' : 'chunk-end'
    return bytes.subarray(taken.length)
  }

  #readLine(bytes: Buffer, state: LineState): Buffer {
    const held = this.#carry.length === 0 ? bytes : Buffer.concat([this.#carry, bytes])
    const end = held.indexOf('\r\n')
    if (end < 0) {
      if (held.length > 64 * 1024) throw new Error('a chunk line is too large')
      this.#carry = held
      return Buffer.alloc(0)
    }
    this.#carry = Buffer.alloc(0)
    const line = held.toString('latin1', 0, end)
    if (state === 'chunk-size') this.#beginChunk(line)
    else if (state === 'chunk-end') {
      if (line !== '') throw new Error('a chunk is longer than it said')
      this.#state = 'chunk-size'
    } else if (line === '') this.#state = 'done'
    return held.subarray(end + 2)
  }

  #beginChunk(line: string): void {
    const size = line.split(';')[0] ?? ''
    if (!/^[0-9a-f]{1,8}\s*$/i.test(size)) throw new Error(`chunk size ${JSON.stringify(line)}`)
    this.#remaining = Number.parseInt(size, 16)
    this.#state = this.#remaining === 0 ? 'trailers' : 'chunk-data'
  }

  #keep(bytes: Buffer): void {
    this.#bodyBytes += bytes.length
    if (this.#bodyBytes > this.#maxBodyBytes) throw new Error('the body is too large')
    this.#body.push(bytes)
  }
}

function parseHead(text: string): MessageHead {
  const [startLine = '', ...lines] = text.split('\r\n')
  const rawHeaders = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(':')
    if (colon < 1 || /\s/.test(line.slice(0, colon)))
      throw new Error(`header line ${JSON.stringify(line.slice(0, 80))}`)
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const headers: Record<string, string> = Object.create(null)
  for (const [name, value] of rawHeaders) {
    const key = name.toLowerCase()
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`
  }
  return { startLine, rawHeaders, headers }
}
