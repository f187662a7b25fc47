import type { TimeoutsConfig } from '../config/config.ts'
import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../core/runtime.ts'

export type CallKind = 'plain' | 'stream' | 'job'

/** How long a call may take in all, from its first header, or from when a job's run began. */
export function wholeMsOf(timeouts: TimeoutsConfig, kind: CallKind): number {
  const { jobMs, streamTotalMs, totalMs } = timeouts
  return kind === 'job' ? jobMs : kind === 'stream' ? streamTotalMs : totalMs
}

const togetherMs = 60_000
/** The longest single wait, and the longest pause a provider with nobody beside it may ask for. */
const patience = {
  caller: { eachMs: 10_000, soonMs: 2000 },
  // Nobody is on the line, and a queue would run empty into a provider's pause.
  job: { eachMs: 60_000, soonMs: 60_000 },
} as const

/** The time of one call: what is left of it, and what of it may be waited away. */
export class CallTime {
  readonly #clock: Clock
  readonly #startedMs: number
  readonly #kind: CallKind
  #waitedMs = 0

  constructor(clock: Clock, startedMs: number, kind: CallKind) {
    this.#clock = clock
    this.#startedMs = startedMs
    this.#kind = kind
  }

  /** Of the time the whole call may take, as the provider has it that would be asked. */
  leftMs(timeouts: TimeoutsConfig): number {
    return wholeMsOf(timeouts, this.#kind) - (this.#clock.monotonic() - this.#startedMs)
  }

  /** Whether it is over for a provider whose attempt, begun then, had had little of it: that tells nothing of its way. */
  isCurtailed(timeouts: TimeoutsConfig, sinceMs: number): boolean {
    const hadMs = this.#clock.monotonic() - sinceMs
    return this.leftMs(timeouts) <= 0 && hadMs < wholeMsOf(timeouts, this.#kind) / 2
  }

  /** Whether a pause is short enough for one who has nobody else to ask. */
  isSoon(waitMs: number): boolean {
    return waitMs <= this.#patience.soonMs
  }

  /** Null for a wait that is too long, by itself, with those before, or for the time the call has left. */
  bearable(waitMs: number, timeouts: TimeoutsConfig): number | null {
    const fits = waitMs <= this.#patience.eachMs && waitMs < this.leftMs(timeouts)
    return fits && this.#waitedMs + waitMs <= togetherMs ? waitMs : null
  }

  /** Rejects with the signal's reason when aborted. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    this.#waitedMs += ms
    await this.#clock.sleep(ms, signal)
  }

  /** Somebody was still to be asked, but there is no time for it. */
  over(timeouts: TimeoutsConfig): GatewayError {
    const wholeMs = wholeMsOf(timeouts, this.#kind)
    const limit = wholeMs >= 1000 ? `${wholeMs / 1000} s` : `${wholeMs} ms`
    return new GatewayError(
      'upstream_timeout',
      `The time of the call, ${limit}, was over before anybody had answered`,
    )
  }

  get #patience(): (typeof patience)['caller' | 'job'] {
    return patience[this.#kind === 'job' ? 'job' : 'caller']
  }
}
