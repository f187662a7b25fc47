import type { Socket } from 'node:net'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { type MessageHead, MessageReader } from './http-message.ts'
import { type Closed, SeenRequest } from './upstream-request.ts'
import { reply, type Split, type Step, type Steps } from './upstream-script.ts'

const pieceBytes = 64 * 1024
const lingerMs = 5_000

/** What a connection asks of the upstream it belongs to. */
export interface ConnectionHost {
  /** The script for this request, undefined while an incomplete body is still to be awaited. */
  begin(request: SeenRequest, complete: boolean): Steps | Promise<Steps> | undefined
  nextRequestNumber(): number
  note(what: 'dropped' | 'pipelined' | 'malformed', detail: string): void
  failed(error: unknown): void
}

/** One accepted socket: reads its requests one after another and plays their scripts. */
export class UpstreamConnection {
  readonly number: number
  readonly closed: Promise<Closed>
  readonly #host: ConnectionHost
  readonly #socket: Socket
  /** Under TLS the TCP socket, which alone can send RST. */
  readonly #raw: Socket
  readonly #gone = new AbortController()
  #settle!: (closed: Closed) => void
  #reader = new MessageReader('request')
  #request: SeenRequest | undefined
  /** The script of the request at hand was chosen. */
  #started = false
  #playing = false
  /** The script of the request at hand has written something. */
  #answered = false
  #ended = false
  #keepOpen = false
  #dropNext: 'fin' | 'rst' | undefined
  /** Bytes of the next request that came before this answer's script was over. */
  #early: Buffer[] = []

  constructor(host: ConnectionHost, number: number, socket: Socket, raw: Socket) {
    this.#host = host
    this.number = number
    this.#socket = socket
    this.#raw = raw
    this.closed = new Promise((resolve) => {
      this.#settle = resolve
    })
    socket.setNoDelay(true)
    socket.on('data', (bytes) => this.#receive(bytes))
    socket.on('end', () => this.#lost('fin'))
    socket.on('error', () => this.#lost('rst'))
    socket.on('close', () => this.#lost('stopped'))
  }

  get idle(): boolean {
    return !this.#playing && !this.#reader.started
  }

  close(how: 'fin' | 'rst'): void {
    if (how === 'fin') this.#socket.destroySoon()
    else this.#raw.resetAndDestroy()
  }

  /** Writes outside of any script, as for a reply nobody asked for. */
  push(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  /** Plays steps before any request has come. */
  greet(steps: Steps): void {
    void this.#play(steps)
  }

  destroy(): void {
    this.#lost('stopped')
    this.#raw.destroy()
    this.#socket.destroy()
  }

  #lost(how: Closed['how']): void {
    if (this.#gone.signal.aborted) return
    this.#request?.settle(how)
    this.#settle({ how, at: performance.now() })
    this.#gone.abort()
    this.#socket.destroy()
  }

  #receive(bytes: Buffer): void {
    if (this.#dropNext && this.#request === undefined) {
      this.#host.note('dropped', `connection ${this.number}`)
      this.close(this.#dropNext)
      return
    }
    if (this.#reader.complete) {
      this.#receiveEarly(bytes)
      return
    }
    let rest: Buffer
    try {
      rest = this.#reader.push(bytes)
    } catch (thrown) {
      this.#host.note('malformed', thrown instanceof Error ? thrown.message : String(thrown))
      this.#socket.write(refusal.bytes)
      this.close('fin')
      return
    }
    this.#consider()
    if (rest.length === 0) return
    if (this.#request === undefined) this.#receive(rest)
    else this.#receiveEarly(rest)
  }

  #receiveEarly(bytes: Buffer): void {
    if (this.#answered) {
      this.#early.push(bytes)
      return
    }
    this.#host.note('pipelined', `connection ${this.number}`)
    this.close('rst')
  }

  #consider(): void {
    const { head, complete } = this.#reader
    if (!head || this.#playing) return
    if (this.#started) {
      if (complete) this.#awaitNext()
      return
    }
    this.#request ??= this.#open(head)
    const steps = this.#host.begin(this.#request, complete)
    if (steps === undefined) return
    this.#started = true
    void this.#play(steps)
  }

  #open(head: MessageHead): SeenRequest {
    this.#keepOpen = head.headers['connection']?.toLowerCase() !== 'close'
    if (head.headers['expect'] === '100-continue' && !this.#reader.complete)
      this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    const number = this.#host.nextRequestNumber()
    const place = { number, connection: this.number, connectionClosed: this.closed }
    return new SeenRequest(place, head, this.#reader)
  }

  async #play(steps: Steps | Promise<Steps>): Promise<void> {
    this.#playing = true
    try {
      await this.#run(await steps)
      this.#request?.settle('done')
    } catch (thrown) {
      if (!this.#gone.signal.aborted) {
        this.#host.failed(thrown)
        this.#request?.settle('stopped')
        this.close('rst')
      }
    }
    this.#playing = false
    if (!this.#started) this.#answered = false
    this.#consider()
  }

  #awaitNext(): void {
    if (this.#gone.signal.aborted || this.#ended) return
    if (!this.#keepOpen) return void this.#finish()
    this.#socket.resume()
    const waiting = Buffer.concat(this.#early.splice(0))
    this.#reader = new MessageReader('request')
    this.#request = undefined
    this.#answered = false
    this.#started = false
    if (waiting.length > 0) this.#receive(waiting)
  }

  async #run(steps: Steps): Promise<void> {
    if (isSequence(steps)) {
      for (const step of steps) await this.#run(step)
      return
    }
    const { signal } = this.#gone
    signal.throwIfAborted()
    switch (steps.kind) {
      case 'write':
        return this.#write(steps.bytes, steps.split, steps.tokenEnds)
      case 'wait':
        return setTimeout(steps.ms, undefined, { signal })
      case 'until':
        return this.#until(steps.promise)
      case 'stall':
        return this.#until(new Promise(() => {}))
      case 'close':
        return this.#shut(steps.how)
      case 'reading':
        if (steps.on) this.#socket.resume()
        else this.#socket.pause()
        return
      case 'drop-next':
        this.#dropNext = steps.how
        return
      case 'keep-open':
        this.#keepOpen = true
        return
      case 'repeat':
        return this.#repeat(steps)
    }
  }

  async #shut(how: 'fin' | 'rst' | 'half'): Promise<void> {
    this.#request?.settle('done')
    this.#ended = true
    if (how === 'rst') this.#raw.resetAndDestroy()
    else if (how === 'half') this.#socket.end()
    else await this.#finish()
  }

  /** Sends FIN and lingers for the peer's: destroying with unread bytes would send RST instead. */
  async #finish(): Promise<void> {
    this.#socket.end()
    const { signal } = this.#gone
    await setTimeout(lingerMs, undefined, { signal }).catch(() => undefined)
    this.#raw.destroy()
  }

  #until(promise: Promise<unknown>): Promise<void> {
    const { signal } = this.#gone
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(signal.reason)
      signal.addEventListener('abort', stop, { once: true })
      promise.then(
        () => {
          signal.removeEventListener('abort', stop)
          resolve()
        },
        (thrown) => reject(thrown),
      )
    })
  }

  async #repeat(step: Extract<Step, { kind: 'repeat' }>): Promise<void> {
    const endAt = performance.now() + step.maxMs
    const before = this.#socket.bytesWritten
    for (let index = 0; index < step.times; index++) {
      if (performance.now() > endAt || this.#socket.bytesWritten - before >= step.maxBytes) return
      await this.#run(step.make(index))
      if (step.everyMs > 0) await setTimeout(step.everyMs, undefined, { signal: this.#gone.signal })
      // Small writes complete without the event loop turning, and the test's own client lives there.
      else if (index % 32 === 31) await setImmediate()
    }
  }

  async #write(bytes: Buffer, split: Split | undefined, ends: readonly number[]): Promise<void> {
    this.#answered = true
    let from = 0
    let counted = 0
    for (const to of cuts(bytes.length, split)) {
      await this.#send(bytes.subarray(from, to))
      from = to
      for (; (ends[counted] ?? Number.POSITIVE_INFINITY) <= to; counted++)
        if (this.#request) this.#request.tokensEmitted++
      if (!split || to === bytes.length) continue
      if (split.pauseMs) await setTimeout(split.pauseMs, undefined, { signal: this.#gone.signal })
      else await setImmediate()
    }
  }

  #send(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (error) return reject(error)
        if (this.#gone.signal.aborted) return reject(this.#gone.signal.reason)
        if (this.#request) this.#request.bytesSent += bytes.length
        resolve()
      })
    })
  }
}

const refusal = reply(400, '', { connection: 'close' }) as Extract<Step, { kind: 'write' }>

const isSequence = (steps: Steps): steps is readonly Steps[] => Array.isArray(steps)

/** The ends of the pieces of one write; an unsplit big one goes in pieces so that progress shows. */
function* cuts(length: number, split: Split | undefined): Generator<number> {
  if (split && 'at' in split) {
    for (const at of [...split.at].sort((a, b) => a - b)) if (at > 0 && at < length) yield at
  } else {
    const every = Math.max(1, split?.every ?? pieceBytes)
    for (let at = every; at < length; at += every) yield at
  }
  yield length
}
