import type { Clock, Timer } from '../core/runtime.ts'
import type { Span } from './span.ts'

export interface TraceSinkSettings {
  /** How many spans may wait; what comes then is given up. */
  readonly queueSpans: number
  readonly batchSpans: number
  readonly everyMs: number
  /** After which an export that does not end is given up. */
  readonly exportMs: number
}

/** Why spans were given up. */
export const dropReasons = ['queue_full', 'export_failed', 'shutdown'] as const
export type DropReason = (typeof dropReasons)[number]

export interface TraceSinkDeps {
  readonly settings: TraceSinkSettings
  readonly clock: Clock
  /** Rejects where the spans did not arrive. */
  readonly send: (spans: readonly Span[]) => Promise<void>
  readonly onExported: (spans: number) => void
  readonly onDropped: (spans: number, reason: DropReason) => void
  /** The first failure after a success, and the first success after failures (`reason` null). */
  readonly onTurn: (reason: string | null) => void
}

/** How long a stop waits for what is left; shorter where the last export failed. */
const flushMs = { most: 5000, failing: 1000 }

/** Spans on their way out: gathered, sent a batch at a time, and given up and counted rather than let grow or wait. */
export class TraceSink {
  readonly #deps: TraceSinkDeps
  #waiting: Span[] = []
  #timer: Timer | null = null
  #armed = false
  #sending: Promise<void> | null = null
  #underWay = 0
  #failing = false
  #closed = false

  constructor(deps: TraceSinkDeps) {
    this.#deps = deps
  }

  /** Never throws and never waits. */
  add(spans: readonly Span[]): void {
    const { queueSpans, batchSpans } = this.#deps.settings
    if (this.#closed) this.#deps.onDropped(spans.length, 'shutdown')
    // All spans of a call or none: half a trace looks like a fault of the gateway.
    else if (this.#waiting.length + spans.length > queueSpans)
      this.#deps.onDropped(spans.length, 'queue_full')
    else {
      for (const span of spans) this.#waiting.push(span)
      this.#arm()
      if (this.#waiting.length >= batchSpans) void this.#drain()
    }
  }

  /** Sends what is left, for a bounded time; then what has not arrived is given up. */
  async close(): Promise<void> {
    const { clock, onDropped } = this.#deps
    this.#timer?.cancel()
    const over = new AbortController()
    const late = clock
      .sleep(this.#failing ? flushMs.failing : flushMs.most, over.signal)
      .catch(() => {})
    await Promise.race([this.#drain(), late])
    over.abort()
    this.#closed = true
    const left = this.#waiting.length + this.#underWay
    this.#waiting = []
    if (left > 0) onDropped(left, 'shutdown')
  }

  #arm(): void {
    if (this.#armed) return
    this.#armed = true
    if (this.#timer) this.#timer.refresh()
    else
      this.#timer = this.#deps.clock.timer(this.#deps.settings.everyMs, () => {
        this.#armed = false
        void this.#drain()
      })
  }

  #drain(): Promise<void> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null
    })
    return this.#sending
  }

  async #sendAll(): Promise<void> {
    // What comes in meanwhile goes out as well: one export at a time, however many there are.
    while (this.#waiting.length > 0 && !this.#closed) {
      const batch = this.#waiting.splice(0, this.#deps.settings.batchSpans)
      this.#underWay = batch.length
      const reason = await this.#sendWithin(batch)
      // Counted when it was closed.
      if (this.#closed) return
      this.#underWay = 0
      if (reason === null) this.#deps.onExported(batch.length)
      else this.#deps.onDropped(batch.length, 'export_failed')
      if ((reason !== null) !== this.#failing) this.#deps.onTurn(reason)
      this.#failing = reason !== null
    }
  }

  /** Null once they have arrived, else why they have not. */
  #sendWithin(batch: readonly Span[]): Promise<string | null> {
    const { clock, send, settings } = this.#deps
    return new Promise((resolve) => {
      const timer = clock.timer(settings.exportMs, () => resolve('no answer in time'))
      const settle = (reason: string | null): void => {
        timer.cancel()
        resolve(reason)
      }
      send(batch).then(
        () => settle(null),
        (thrown: unknown) => settle(thrown instanceof Error ? thrown.message : 'unknown'),
      )
    })
  }
}
