import type { RequestLogConfig } from '../config/config.ts'
import type { Call } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import type { Clock, Timer } from '../core/runtime.ts'
import type { CallRecord } from '../observability/records.ts'
import type { LogBatch, Loss, RawBody, RequestLog } from '../store/request-log.ts'
import { BatchBuilder } from '../store/request-log-builder.ts'
import type { ContentCapture } from './content-capture.ts'
import { bodiesOf, loggedCallOf } from './log-entry.ts'
import type { LogTail } from './log-tail.ts'

export interface LogWriterDeps {
  readonly log: Pick<RequestLog, 'append'>
  readonly clock: Clock
  readonly newId: () => string
  readonly content: ContentCapture
  readonly tail: LogTail
  readonly settings: () => RequestLogConfig
  warn(error: GatewayError, what: string): void
}

interface Waiting {
  readonly batch: LogBatch
  readonly calls: number
  readonly bytes: number
}

const everyMs = 500
const callsAtOnce = 1000
const bodyBytesAtOnce = 8 * 1024 * 1024
const retryMs = { first: 250, most: 10_000 }
/** What may wait while the log cannot be written; then the oldest is given up, and counted. */
const atMost = { calls: 10_000, bytes: 64 * 1024 * 1024 }

/** Writes calls into the request log in batches. Never holds up a call: what the log does not take is given up and told. */
export class LogWriter {
  readonly #deps: LogWriterDeps
  readonly #builder = new BatchBuilder()
  #bodies: RawBody[] = []
  #bodyBytes = 0
  #waiting: Waiting[] = []
  #timer: Timer | null = null
  #armed = false
  #stopped = false
  #writing: Promise<void> | null = null
  #retryMs = 0
  #loss: Loss | null = null
  #lost = 0

  constructor(deps: LogWriterDeps) {
    this.#deps = deps
  }

  /** Calls that are in no log, since the start. */
  get lost(): number {
    return this.#lost
  }

  get waiting(): number {
    return this.#waiting.reduce((sum, { calls }) => sum + calls, this.#builder.calls)
  }

  /** `text`: the record as JSON. */
  add(record: CallRecord, call: Call, text: string): void {
    const { content, tail, settings } = this.#deps
    const logged = loggedCallOf(record, call)
    tail.add(logged)
    if (!this.#builder.add(logged, text)) this.#noteLoss(1, 'its id tells no time')
    if (typeof call.content === 'object') {
      for (const body of bodiesOf(call, settings().maxBodyBytes)) {
        this.#bodies.push(body)
        this.#bodyBytes += body.bytes.length
      }
      content.release(call)
    }
    const isFull = this.#builder.calls >= callsAtOnce || this.#bodyBytes >= bodyBytesAtOnce
    if (isFull) {
      this.#gather()
      // Or what comes next would be cut off early, as a small batch.
      this.#timer?.refresh()
    } else if (!this.#armed) this.#arm()
  }

  /** Resolves once everything that was added is on disk, or could not be written. */
  async flush(): Promise<void> {
    this.#gather()
    while (this.#waiting.length > 0 || this.#writing) {
      const before = this.#waiting.length
      await (this.#writing ?? this.#write())
      if (this.#retryMs > 0 && this.#waiting.length >= before) return
    }
  }

  /** Nothing is written by itself any more, only by `flush`. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = null
  }

  #arm(): void {
    if (this.#stopped) return
    this.#armed = true
    if (this.#timer) this.#timer.refresh()
    else
      this.#timer = this.#deps.clock.timer(everyMs, () => {
        this.#armed = false
        this.#gather()
      })
  }

  /** Makes a batch of what was settled, and sees to it that it is written. */
  #gather(): void {
    this.#deps.tail.send()
    const { calls, bytes } = this.#builder
    if (calls === 0) return
    const bodies = this.#bodies
    this.#waiting.push({
      batch: { id: this.#deps.newId(), blocks: this.#builder.take(), bodies, loss: null },
      calls,
      bytes: bytes + this.#bodyBytes,
    })
    this.#bodies = []
    this.#bodyBytes = 0
    this.#giveUp()
    if (this.#writing === null && this.#retryMs === 0) void this.#write()
  }

  #giveUp(): void {
    let [calls, bytes] = [this.waiting, this.#waiting.reduce((sum, each) => sum + each.bytes, 0)]
    while (this.#waiting.length > 1 && (calls > atMost.calls || bytes > atMost.bytes)) {
      // The first one may be on its way at this moment.
      const [gone] = this.#waiting.splice(this.#writing ? 1 : 0, 1)
      if (!gone) return
      calls -= gone.calls
      bytes -= gone.bytes
      this.#noteLoss(gone.calls, 'the log could not be written for too long')
    }
  }

  #noteLoss(calls: number, reason: string): void {
    this.#lost += calls
    const now = this.#deps.clock.now()
    const known = this.#loss
    this.#loss = {
      calls: calls + (known?.calls ?? 0),
      from: known?.from ?? now,
      to: now,
      reason,
    }
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeFirst().finally(() => {
      this.#writing = null
      if (this.#waiting.length > 0) this.#continue()
    })
    return this.#writing
  }

  #continue(): void {
    if (this.#retryMs === 0) void this.#write()
    else if (!this.#stopped) this.#deps.clock.timer(this.#retryMs, () => void this.#write())
  }

  async #writeFirst(): Promise<void> {
    const { log, warn } = this.#deps
    const first = this.#waiting[0]
    if (!first) return
    const loss = this.#loss
    try {
      await log.append({ ...first.batch, loss })
    } catch (thrown) {
      if (this.#retryMs === 0)
        warn(GatewayError.from(thrown), 'the request log could not be written; it is tried again')
      this.#retryMs = Math.min(retryMs.most, (this.#retryMs || retryMs.first / 2) * 2)
      return
    }
    this.#retryMs = 0
    this.#waiting = this.#waiting.filter((each) => each !== first)
    // What was lost in the meantime is told with the next one.
    if (this.#loss === loss) this.#loss = null
    else if (this.#loss && loss)
      this.#loss = { ...this.#loss, calls: (this.#loss.calls ?? 0) - (loss.calls ?? 0) }
  }
}
