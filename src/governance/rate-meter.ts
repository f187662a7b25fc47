import type { CalendarUnit, Rate, RateState } from '../core/allowance.ts'
import { windowOf } from '../core/window.ts'

/** Two clocks: one that never jumps, for what refills, and the calendar's. */
export interface Instant {
  readonly monotonicMs: number
  readonly epochMs: number
}

/** Counts one limit. `waitFor` asks and `take` takes, so that several limits can be asked before any is charged. */
export interface RateMeter {
  /** Milliseconds until `cost` would fit; 0: it fits now. Infinity: it is more than the whole limit. */
  waitFor(cost: number, at: Instant): number
  take(cost: number, at: Instant): void
  /** What was taken at `since` turns out to be more (a debt, which later calls wait for) or less. */
  correct(by: number, at: Instant, since: Instant): void
  state(at: Instant): RateState
}

export const openRateMeter = (rate: Rate): RateMeter =>
  rate.calendar ? new CalendarMeter(rate.amount, rate.calendar) : new GcraMeter(rate)

/**
 * The generic cell rate algorithm: the whole limit may come at once, then it refills evenly. One number of state: the
 * time at which all of it would be there again.
 */
class GcraMeter implements RateMeter {
  readonly #amount: number
  readonly #windowMs: number
  #fullAt = 0

  constructor({ amount, windowMs }: Rate) {
    this.#amount = amount
    this.#windowMs = windowMs
  }

  waitFor(cost: number, { monotonicMs }: Instant): number {
    if (cost > this.#amount) return Number.POSITIVE_INFINITY
    const after = Math.max(monotonicMs, this.#fullAt) + this.#msOf(cost)
    const waitMs = after - this.#windowMs - monotonicMs
    // Sums of fractions drift: half a unit is more than they ever do, and less than would let one more through.
    return waitMs < this.#msOf(0.5) ? 0 : waitMs
  }

  take(cost: number, { monotonicMs }: Instant): void {
    this.#fullAt = Math.max(monotonicMs, this.#fullAt) + this.#msOf(cost)
  }

  correct(by: number, { monotonicMs }: Instant): void {
    const moved = Math.max(monotonicMs, this.#fullAt) + this.#msOf(by)
    // A debt of more than a window would lock a key out for a single surprise.
    this.#fullAt = Math.min(moved, monotonicMs + 2 * this.#windowMs)
  }

  state({ monotonicMs }: Instant): RateState {
    const resetMs = Math.max(0, this.#fullAt - monotonicMs)
    const used = Math.ceil((resetMs / this.#windowMs) * this.#amount - 1e-6)
    return { limit: this.#amount, remaining: Math.max(0, this.#amount - used), resetMs }
  }

  #msOf(cost: number): number {
    return (cost * this.#windowMs) / this.#amount
  }
}

/** Counted from nothing in each window of the calendar: at its edge twice the limit may come within a moment. */
class CalendarMeter implements RateMeter {
  readonly #amount: number
  readonly #unit: CalendarUnit
  #windowAt = Number.NEGATIVE_INFINITY
  #endsAt = Number.NEGATIVE_INFINITY
  #used = 0

  constructor(amount: number, unit: CalendarUnit) {
    this.#amount = amount
    this.#unit = unit
  }

  waitFor(cost: number, at: Instant): number {
    if (cost > this.#amount) return Number.POSITIVE_INFINITY
    this.#turn(at)
    return this.#used + cost <= this.#amount ? 0 : this.#endsAt - at.epochMs
  }

  take(cost: number, at: Instant): void {
    this.#turn(at)
    this.#used += cost
  }

  correct(by: number, at: Instant, since: Instant): void {
    this.#turn(at)
    // What an earlier window let go is that one's alone: the present one never counted it.
    if (since.epochMs < this.#windowAt) return
    this.#used = Math.max(0, this.#used + by)
  }

  state(at: Instant): RateState {
    this.#turn(at)
    const remaining = Math.max(0, this.#amount - this.#used)
    return { limit: this.#amount, remaining, resetMs: Math.max(0, this.#endsAt - at.epochMs) }
  }

  /** A clock that is set back stays in the window it was in: nobody gets it twice. */
  #turn({ epochMs }: Instant): void {
    if (epochMs < this.#endsAt) return
    const { startAt, endAt } = windowOf({ calendar: this.#unit }, epochMs)
    if (startAt <= this.#windowAt) return
    this.#windowAt = startAt
    this.#endsAt = endAt
    this.#used = 0
  }
}
