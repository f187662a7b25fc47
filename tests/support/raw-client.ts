import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { type MessageHead, MessageReader } from './http-message.ts'

export interface RawResponse {
  readonly status: number
  readonly reason: string
  readonly rawHeaders: MessageHead['rawHeaders']
  readonly headers: MessageHead['headers']
  readonly body: Buffer
  readonly text: string
  /** False when the connection ended before the body did. */
  readonly complete: boolean
  /** Statuses of the 1xx heads before this response. */
  readonly informational: readonly number[]
  /** The body parsed; throws when it is no JSON. */
  json(): unknown
}

interface ConnectOptions {
  readonly host?: string
  /** PEM of the authority to trust; given, the connection is TLS. */
  readonly ca?: string
}

/** A client that sends exactly the bytes it is told to and hides nothing of what comes back. */
export async function rawConnect(port: number, options: ConnectOptions = {}): Promise<RawClient> {
  const host = options.host ?? '127.0.0.1'
  const raw = connect({ port, host, allowHalfOpen: true })
  const socket = options.ca === undefined ? raw : connectTls({ socket: raw, ca: options.ca })
  const client = new RawClient(socket, raw)
  await new Promise<void>((resolve, reject) => {
    socket.once(options.ca === undefined ? 'connect' : 'secureConnect', () => resolve())
    socket.once('error', reject)
  })
  return client
}

class RawClient implements Disposable {
  /** How and when (`performance.now()`) the peer ended; `self` when this side destroyed first. */
  readonly closed: Promise<{ how: 'fin' | 'rst' | 'self'; at: number; code?: string }>
  readonly #socket: Socket
  readonly #raw: Socket
  #pending: Buffer[] = []
  /** What the first of the pending lies in, once several were joined. */
  #room = Buffer.alloc(0)
  #receivedBytes = 0
  #over = false
  readonly #watchers = new Set<() => void>()

  constructor(socket: Socket, raw: Socket) {
    this.#socket = socket
    this.#raw = raw
    socket.setNoDelay(true)
    socket.on('data', (bytes) => {
      this.#receivedBytes += bytes.length
      this.#pending.push(bytes)
      this.#wake()
    })
    this.closed = new Promise((resolve) => {
      const end = (how: 'fin' | 'rst' | 'self', code?: string): void => {
        this.#over = true
        resolve({ how, at: performance.now(), ...(code === undefined ? {} : { code }) })
        this.#wake()
      }
      socket.once('end', () => end('fin'))
      socket.on('error', (error: NodeJS.ErrnoException) => end('rst', error.code))
      socket.once('close', () => end('self'))
    })
  }

  get localPort(): number | undefined {
    return this.#raw.localPort
  }

  /** All bytes ever received, also those already read. */
  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** Resolves when the kernel has taken the bytes; `every` cuts them into segments of that size. */
  async write(bytes: string | Uint8Array, every?: number): Promise<void> {
    const all = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    const size = every ?? Math.max(1, all.length)
    for (let at = 0; at < all.length; at += size) {
      await this.#send(all.subarray(at, at + size))
      if (every !== undefined) await setImmediate()
    }
  }

  /** Everything received and not read yet, as soon as it satisfies the test. */
  async readUntil(
    enough: string | ((received: Buffer) => boolean),
    timeoutMs = 10_000,
  ): Promise<Buffer> {
    const test =
      typeof enough === 'string' ? (received: Buffer) => received.includes(enough) : enough
    await this.#until(
      () => test(this.#joined()),
      timeoutMs,
      () => this.#describe(),
    )
    const received = this.#joined()
    this.#pending = []
    return received
  }

  /** What is received and not read yet, left where it is. */
  peek(): Buffer {
    return this.#joined()
  }

  /** The next whole response; for a connection that ends inside its body, what there is of it. */
  async response(timeoutMs = 10_000): Promise<RawResponse> {
    const informational: number[] = []
    for (;;) {
      const reader = new MessageReader('response')
      await this.#until(
        () => this.#feed(reader),
        timeoutMs,
        () => this.#describe(),
      )
      const { head } = reader
      if (!head) throw new Error(`the connection ended without a response: ${this.#describe()}`)
      const [, status = '', ...reason] = head.startLine.split(' ')
      if (Number(status) >= 200 || Number(status) === 101)
        return describeResponse(Number(status), reason.join(' '), head, reader, informational)
      informational.push(Number(status))
    }
  }

  /** Stops reading: the kernel's buffers fill, and then the peer's. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Sends FIN and reads on. */
  halfClose(): void {
    this.#socket.end()
  }

  rst(): void {
    this.#raw.resetAndDestroy()
    this.#socket.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
    this.#raw.destroy()
  }

  [Symbol.dispose](): void {
    this.destroy()
  }

  #send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  }

  #feed(reader: MessageReader): boolean {
    while (this.#pending.length > 0 && !reader.complete) {
      const rest = reader.push(this.#pending.shift() ?? Buffer.alloc(0))
      if (rest.length > 0) this.#pending.unshift(rest)
    }
    if (this.#over) reader.end()
    return reader.complete || this.#over
  }

  #joined(): Buffer {
    const [first = Buffer.alloc(0), ...more] = this.#pending
    if (more.length === 0) return first
    let length = first.length
    const total = more.reduce((sum, each) => sum + each.length, length)
    // Room for twice as much: joined anew for each piece, a large answer would be copied hundreds of times.
    if (first.buffer !== this.#room.buffer || first.byteOffset > 0 || total > this.#room.length) {
      this.#room = Buffer.from(new ArrayBuffer(2 * total))
      first.copy(this.#room)
    }
    for (const each of more) length += each.copy(this.#room, length)
    const joined = this.#room.subarray(0, total)
    this.#pending = [joined]
    return joined
  }

  #describe(): string {
    return `${this.#receivedBytes} bytes received, unread: ${JSON.stringify(
      this.#joined().toString('latin1', 0, 300),
    )}`
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }

  #until(done: () => boolean, timeoutMs: number, describe: () => string): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown): void => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        if (error === undefined) resolve()
        else reject(error)
      }
      const look = (): void => {
        try {
          if (done()) settle()
          else if (this.#over) settle(new Error(`the connection ended early: ${describe()}`))
        } catch (thrown) {
          settle(thrown)
        }
      }
      const timer = setTimeout(
        () => settle(new Error(`nothing of the kind within ${timeoutMs} ms: ${describe()}`)),
        timeoutMs,
      )
      this.#watchers.add(look)
      look()
    })
  }
}

export type { RawClient }

function describeResponse(
  status: number,
  reason: string,
  head: MessageHead,
  reader: MessageReader,
  informational: readonly number[],
): RawResponse {
  const body = reader.body()
  const text = body.toString()
  return {
    status,
    reason,
    rawHeaders: head.rawHeaders,
    headers: head.headers,
    body,
    text,
    complete: reader.complete,
    informational,
    json: () => JSON.parse(text),
  }
}

/** A correct POST with content-length; given headers replace the usual ones of the same name. */
export function postBytes(
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: string | Uint8Array | object = '',
): Buffer {
  const bytes =
    typeof body === 'string'
      ? Buffer.from(body)
      : body instanceof Uint8Array
        ? Buffer.from(body)
        : Buffer.from(JSON.stringify(body))
  const usual = {
    host: '127.0.0.1',
    'content-type': 'application/json',
    'content-length': String(bytes.length),
  }
  const given = Object.keys(headers).map((name) => name.toLowerCase())
  const lines = [`POST ${path} HTTP/1.1`]
  for (const [name, value] of Object.entries(usual))
    if (!given.includes(name)) lines.push(`${name}: ${value}`)
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes])
}

/** The payloads of a stream's `data:` lines, in order. */
export const sseData = (text: string): string[] =>
  text
    .split(/\r\n|\n|\r/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trimStart())
