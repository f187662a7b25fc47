import type { ServerResponse } from 'node:http'
import type { GatewayError } from '../core/errors.ts'
import type { Clock, Timer } from '../core/runtime.ts'
import { errorFrame } from '../wire/openai-chat/error.ts'

const stallMs = 60_000
const keepAlive = ':\n'

export interface StreamWriterHooks {
  /** The client reads again. */
  onDrain(): void
  /** The client has not read for a minute. */
  onStalled(): void
}

/** Server-sent events towards one client: whole events only, so a comment or an error always stands between them. */
export class StreamWriter {
  bytesOut = 0
  readonly #res: ServerResponse
  readonly #clock: Clock
  readonly #keepAliveMs: number
  readonly #hooks: StreamWriterHooks
  #quiet: Timer | null = null
  #stalled: Timer | null = null
  #lastAt = 0

  constructor(res: ServerResponse, clock: Clock, keepAliveMs: number, hooks: StreamWriterHooks) {
    this.#res = res
    this.#clock = clock
    this.#keepAliveMs = keepAliveMs
    this.#hooks = hooks
    res.on('drain', () => {
      this.#stalled?.cancel()
      this.#stalled = null
      hooks.onDrain()
    })
  }

  get isOpen(): boolean {
    return this.#res.headersSent
  }

  /** `headers` are names and values in turn. */
  open(headers: readonly string[]): void {
    if (this.#res.headersSent || this.#res.destroyed) return
    this.#res.writeHead(200, [
      'content-type',
      'text/event-stream; charset=utf-8',
      'cache-control',
      'no-cache',
      'x-accel-buffering',
      'no',
      'x-content-type-options',
      'nosniff',
      ...headers,
    ])
    this.#res.flushHeaders()
    this.#lastAt = this.#clock.monotonic()
    this.#quiet = this.#clock.timer(this.#keepAliveMs, () => this.#breakSilence())
  }

  write(bytes: Uint8Array): boolean {
    if (this.#res.destroyed) return true
    this.#lastAt = this.#clock.monotonic()
    this.bytesOut += bytes.length
    if (this.#res.write(bytes)) return true
    this.#stalled ??= this.#clock.timer(stallMs, () => this.#hooks.onStalled())
    return false
  }

  /** One frame that tells of the failure, and the end: never `[DONE]`. */
  fail(error: GatewayError): void {
    this.write(Buffer.from(errorFrame(error)))
    this.end()
  }

  end(): void {
    this.stop()
    this.#res.end()
  }

  stop(): void {
    this.#quiet?.cancel()
    this.#stalled?.cancel()
  }

  /** Writes only note the time, so that a token costs no timer; the timer sleeps on for what is left of the silence. */
  #breakSilence(): void {
    const silentMs = this.#clock.monotonic() - this.#lastAt
    if (silentMs >= this.#keepAliveMs - 1) {
      // A full pipe is no silence, and a comment would only queue up behind it.
      if (!this.#res.writableNeedDrain) this.write(Buffer.from(keepAlive))
      this.#quiet?.refresh()
    } else this.#quiet = this.#clock.timer(this.#keepAliveMs - silentMs, () => this.#breakSilence())
  }
}
