const inARow = 5
const rate = { windowMs: 30_000, buckets: 6, least: 20, share: 0.5 }
const ejection = { stepMs: 30_000, longestMs: 300_000, jitter: 0.1 }
const probesToClose = 2
const slowStart = { ms: 30_000, from: 0.1 }

/**
 * Whether one way to a model works: it opens on failures, lets single calls through once its time is over, and takes its
 * full share again little by little. Times are monotonic milliseconds.
 */
export class Breaker {
  #inARow = 0
  readonly #good = new Float64Array(rate.buckets)
  readonly #bad = new Float64Array(rate.buckets)
  #bucket = 0
  #openUntil: number | null = null
  #ejections = 0
  #probing = false
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
    return state === 'closed' || (state === 'half-open' && !this.#probing)
  }

  /** What part of its weight it has, 0.1 to 1: one that has just come back is not given everything at once. */
  share(nowMs: number): number {
    const part = (nowMs - this.#closedAt) / slowStart.ms
    return Math.min(1, Math.max(slowStart.from, part))
  }

  /** A call goes this way. */
  begin(nowMs: number): void {
    if (this.state(nowMs) === 'half-open') this.#probing = true
  }

  /** A call that says nothing: it was given up, or refused for what it asked. */
  forget(): void {
    this.#probing = false
  }

  succeed(nowMs: number): void {
    this.#inARow = 0
    this.#count(this.#good, nowMs)
    if (this.#openUntil === null) return
    this.#probing = false
    // One begun before it opened proves nothing.
    if (nowMs < this.#openUntil || ++this.#probesPassed < probesToClose) return
    this.#openUntil = null
    this.#ejections = 0
    this.#closedAt = nowMs
    this.#clear()
  }

  /** `chance` is from 0 to 1. */
  fail(nowMs: number, chance: number): void {
    this.#inARow++
    this.#count(this.#bad, nowMs)
    const wasProbe = this.state(nowMs) === 'half-open'
    this.#probing = false
    if (this.#openUntil !== null && !wasProbe) return
    if (!wasProbe && !this.#isTooBad()) return
    this.#ejections++
    const ms = Math.min(ejection.longestMs, ejection.stepMs * this.#ejections)
    this.#openUntil = nowMs + ms * (1 + ejection.jitter * (2 * chance - 1))
    this.#probesPassed = 0
    this.#clear()
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
