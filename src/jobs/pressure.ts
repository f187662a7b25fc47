import type { GatewayError } from '../core/errors.ts'

/**
 * How many jobs run at once: as many as configured while all is well, fewer while providers say they have too much.
 * One more for each full round of successes, a fifth less for a refusal, at most once a second.
 */
export class Pressure {
  readonly #most: () => number
  #limit = Number.POSITIVE_INFINITY
  #loweredMs = Number.NEGATIVE_INFINITY

  constructor(most: () => number) {
    this.#most = most
  }

  get limit(): number {
    return Math.max(1, Math.floor(Math.min(this.#limit, this.#most())))
  }

  /** `error` null: it went well. */
  note(error: GatewayError | null, nowMs: number): void {
    const most = this.#most()
    if (error === null) {
      const raised = Math.min(most, this.#limit) + 1 / Math.max(1, this.#limit)
      // Back at the most nothing holds it: a maximum that is raised later counts at once.
      this.#limit = raised >= most ? Number.POSITIVE_INFINITY : raised
      return
    }
    if (!isOverload(error) || nowMs - this.#loweredMs < 1000) return
    this.#loweredMs = nowMs
    this.#limit = Math.max(1, Math.min(this.#limit, most) * 0.8)
  }
}

const isOverload = ({ code, status }: GatewayError): boolean =>
  code === 'upstream_rate_limited' ||
  code === 'overloaded' ||
  (code === 'upstream_error' && status === 503)
