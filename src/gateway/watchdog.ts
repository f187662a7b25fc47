import type { Clock, Timer } from '../core/runtime.ts'

export interface Limits {
  readonly firstByteMs: number
  readonly firstTokenMs: number
  readonly idleMs: number
  readonly totalMs: number
  /** The time of the call as it is configured, of which `totalMs` is what is left. */
  readonly wholeMs?: number
}
type Phase = 'first_byte' | 'first_token' | 'idle' | 'total'

/**
 * The time limits of one attempt. A stream touches it with every event, so touching only notes the time; the one
 * timer looks at the note when it rings and sleeps on for what is left.
 */
export class Watchdog {
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #onExpired: (phase: string, limitMs: number) => void
  readonly #started: number
  #phase: Phase
  #limitMs: number
  #since: number
  #timer: Timer | null = null
  #ringsAt = Number.POSITIVE_INFINITY
  #suspended = false

  constructor(clock: Clock, limits: Limits, onExpired: (phase: string, limitMs: number) => void) {
    this.#clock = clock
    this.#limits = limits
    this.#onExpired = onExpired
    this.#started = this.#since = clock.monotonic()
    this.#phase = 'first_byte'
    this.#limitMs = Math.min(limits.firstByteMs, limits.firstTokenMs)
    this.#arm(this.#since)
  }

  enter(phase: Phase): void {
    const now = this.#clock.monotonic()
    // The first token is awaited from the beginning; silence only from the event before.
    if (phase === 'idle') this.#since = now
    this.#phase = phase
    this.#limitMs =
      phase === 'first_token'
        ? this.#limits.firstTokenMs
        : phase === 'idle'
          ? this.#limits.idleMs
          : Number.POSITIVE_INFINITY
    this.#arm(now)
  }

  touch(): void {
    this.#since = this.#clock.monotonic()
  }

  /** While our own reader is slow, silence is not the provider's. */
  suspend(): void {
    this.#suspended = true
  }

  proceed(): void {
    this.#suspended = false
    this.touch()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#ringsAt = Number.POSITIVE_INFINITY
  }

  #arm(now: number): void {
    const due = Math.min(this.#since + this.#limitMs, this.#started + this.#limits.totalMs)
    if (due >= this.#ringsAt) return
    this.#timer?.cancel()
    this.#ringsAt = due
    this.#timer = this.#clock.timer(Math.max(1, due - now), () => this.#ring())
  }

  #ring(): void {
    this.#ringsAt = Number.POSITIVE_INFINITY
    const now = this.#clock.monotonic()
    const { totalMs, wholeMs = totalMs } = this.#limits
    if (now >= this.#started + totalMs) this.#onExpired('total', wholeMs)
    else if (this.#suspended || now < this.#since + this.#limitMs) {
      if (this.#suspended) this.#since = now
      this.#arm(now)
    } else this.#onExpired(this.#phase, this.#limitMs)
  }
}
