const inARow = 5
const rate = { windowMs: 30_000, buckets: 6, least: 20, share: 0.5 }
const ejection = { stepMs: 30_000, longestMs: 300_000, jitter: 0.1 }
const probesToClose = 2
const slowStart = { ms: 30_000, from: 0.1 }

/**
 * Whether one way to a model works: it opens on failures, lets single calls through once its time is over, and takes its
 * full share again little by little. Times are monotonic milliseconds; `sinceMs` is when the call began of which is told.
 */
export class Breaker {
  #inARow = 0
  readonly #good = new Float64Array(rate.buckets)
  readonly #bad = new Float64Array(rate.buckets)
  #bucket = 0
  #openUntil: number | null = null
  #ejections = 0
  /** When the call was let through that is under way for all; null: there is none. */
  #probeMs: number | null = null
  #probesPassed = 0
  #closedAt = Number.NEGATIVE_INFINITY

  state(nowMs: number): 'closed' | 'open' | 'half-open' {
    if (this.#openUntil === null) return 'closed'
    return nowMs < this.#openUntil ? 'open' : 'half-open'
  }

  /** When an open one may be tried; null when it is not open. */
  get openUntilMs(): number | null {
    return this.#openUntil
  }

  get ejections(): number {
    return this.#ejections
  }

  /** Whether a call may go this way now. */
  admits(nowMs: number): boolean {
    const state = this.state(nowMs)
    return state === 'closed' || (state === 'half-open' && !this.#isProbing(nowMs))
  }

  /** What part of its weight it has, 0.1 to 1: one that has just come back is not given everything at once. */
  share(nowMs: number): number {
    const part = (nowMs - this.#closedAt) / slowStart.ms
    return Math.min(1, Math.max(slowStart.from, part))
  }

  /** A call goes this way. */
  begin(nowMs: number): void {
    if (this.state(nowMs) === 'half-open' && !this.#isProbing(nowMs)) this.#probeMs = nowMs
  }

  /** A call that says nothing: it was given up, or refused for what it asked. */
  forget(sinceMs: number): void {
    if (this.#openUntil !== null && sinceMs >= this.#openUntil) this.#probeMs = null
  }

  succeed(nowMs: number, sinceMs = nowMs): void {
    if (this.#openUntil === null) {
      this.#inARow = 0
      this.#count(this.#good, nowMs)
      return
    }
    // One begun before it opened proves nothing.
    if (sinceMs < this.#openUntil) return
    this.#probeMs = null
    if (++this.#probesPassed < probesToClose) return
    this.#openUntil = null
    this.#ejections = 0
    this.#closedAt = nowMs
    this.#clear()
  }

  /** `chance` is from 0 to 1. */
  fail(nowMs: number, chance: number, sinceMs = nowMs): void {
    // One begun before it opened, or before it came back, tells of trouble that is known already.
    if (sinceMs < (this.#openUntil ?? this.#closedAt)) return
    if (this.#openUntil === null) {
      this.#inARow++
      this.#count(this.#bad, nowMs)
      if (!this.#isTooBad()) return
    }
    this.#probeMs = null
    this.#ejections++
    const ms = Math.min(ejection.longestMs, ejection.stepMs * this.#ejections)
    this.#openUntil = nowMs + ms * (1 + ejection.jitter * (2 * chance - 1))
    this.#probesPassed = 0
    this.#clear()
  }

  /** One that takes long, or is never heard of again, gives way to another after a while. */
  #isProbing(nowMs: number): boolean {
    return this.#probeMs !== null && nowMs - this.#probeMs < ejection.stepMs
  }

  #isTooBad(): boolean {
    if (this.#inARow >= inARow) return true
    const [good, bad] = [sum(this.#good), sum(this.#bad)]
    return good + bad >= rate.least && bad / (good + bad) >= rate.share
  }

  #count(list: Float64Array, nowMs: number): void {
    const bucket = Math.floor(nowMs / (rate.windowMs / rate.buckets))
    // What has left the window in between is empty.
    for (let step = Math.max(this.#bucket + 1, bucket - rate.buckets + 1); step <= bucket; step++) {
      this.#good[step % rate.buckets] = 0
      this.#bad[step % rate.buckets] = 0
    }
    this.#bucket = bucket
    const at = bucket % rate.buckets
    list[at] = (list[at] ?? 0) + 1
  }

  #clear(): void {
    this.#inARow = 0
    this.#good.fill(0)
    this.#bad.fill(0)
  }
}

const sum = (list: Float64Array): number => list.reduce((total, each) => total + each, 0)
