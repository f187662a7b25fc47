import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../core/runtime.ts'

export interface Lease<T> {
  readonly value: T
  /** How long it is good for, from now. */
  readonly lifetimeMs: number
}

export interface RenewingOptions<T> {
  readonly clock: Clock
  /** Who gives it, to begin a sentence with. */
  readonly giver: string
  /** Throws a GatewayError, or anything else, which is then not shown. The signal ends what takes too long. */
  fetch(signal: AbortSignal): Promise<Lease<T>>
}

interface Held<T> {
  readonly value: T
  readonly sinceMs: number
  readonly renewAtMs: number
  readonly endsAtMs: number
}

const fetchMs = 10_000
/** A failure answers those who come right behind it, so that a giver in trouble is not stormed. */
const failureMs = 1000
const renewBeforeMs = 5 * 60_000
/** What is about to end would end on its way. */
const marginMs = 30_000
/** Calls that were under way with the one before are refused for a while yet. */
const settledMs = 10_000

/**
 * Something with an end, such as a token: fetched once for all who wait, kept, and fetched anew before its end while the
 * calls go on with the old one. What one caller does, such as leaving, is of no concern to the fetch.
 */
export class Renewing<T> {
  readonly #options: RenewingOptions<T>
  #held: Held<T> | null = null
  #before: T | null = null
  #underWay: Promise<T> | null = null
  #failure: { readonly error: GatewayError; readonly untilMs: number } | null = null
  readonly #closed = new AbortController()

  constructor(options: RenewingOptions<T>) {
    this.#options = options
  }

  /** A promise only where nothing is at hand. Rejects with the signal's reason when aborted. */
  get(signal: AbortSignal): T | Promise<T> {
    const nowMs = this.#options.clock.monotonic()
    const held = this.#held
    if (!held || nowMs >= held.endsAtMs) return this.#await(nowMs, signal)
    if (nowMs >= held.renewAtMs && !this.#hasJustFailed(nowMs))
      this.#begin().catch(() => {
        // Whoever comes once the old one has ended is told; until then it is still good.
      })
    return held.value
  }

  /** What was used was no good any more. Whether there is, or will be, another than that. */
  refused(): boolean {
    const held = this.#held
    // Many are refused side by side, and some long after: they had the one before, which must not be held against this.
    if (!held || this.#options.clock.monotonic() - held.sinceMs < settledMs)
      return this.#before !== null
    this.#before = held.value
    this.#held = null
    return true
  }

  /** What is in use, or was until lately. */
  get known(): readonly T[] {
    const known = [this.#held?.value ?? null, this.#before]
    return known.filter((value) => value !== null)
  }

  close(): void {
    this.#closed.abort(
      new GatewayError('gateway_shutdown', 'The gateway is shutting down', { dispatched: false }),
    )
  }

  async #await(nowMs: number, signal: AbortSignal): Promise<T> {
    if (signal.aborted) throw signal.reason
    if (this.#failure && this.#hasJustFailed(nowMs)) throw this.#failure.error
    return await untilAborted(this.#begin(), signal)
  }

  #hasJustFailed(nowMs: number): boolean {
    return this.#failure !== null && nowMs < this.#failure.untilMs
  }

  #begin(): Promise<T> {
    this.#underWay ??= this.#fetch().finally(() => {
      this.#underWay = null
    })
    return this.#underWay
  }

  async #fetch(): Promise<T> {
    const { clock, giver } = this.#options
    const late = new AbortController()
    const timer = clock.timer(fetchMs, () =>
      late.abort(
        new GatewayError(
          'upstream_timeout',
          `${giver} did not answer within ${fetchMs / 1000} s`,
          notSent,
        ),
      ),
    )
    const over = AbortSignal.any([late.signal, this.#closed.signal])
    try {
      // Not every library listens to a signal.
      const lease = await untilAborted(this.#options.fetch(over), over)
      this.#keep(lease)
      return lease.value
    } catch (thrown) {
      const error = over.aborted ? (over.reason as GatewayError) : this.#explain(thrown)
      this.#failure = { error, untilMs: clock.monotonic() + failureMs }
      throw error
    } finally {
      timer.cancel()
    }
  }

  #keep({ value, lifetimeMs }: Lease<T>): void {
    const nowMs = this.#options.clock.monotonic()
    this.#before = this.#held?.value ?? this.#before
    this.#held = {
      value,
      sinceMs: nowMs,
      renewAtMs: nowMs + lifetimeMs - Math.min(renewBeforeMs, lifetimeMs / 2),
      endsAtMs: nowMs + lifetimeMs - Math.min(marginMs, lifetimeMs / 10),
    }
    this.#failure = null
  }

  /** A library's error may hold the request it made, with the secret in it: only its short names are told. */
  #explain(thrown: unknown): GatewayError {
    if (thrown instanceof GatewayError) return thrown
    const names = shortNames(thrown)
    const shown = names.length === 0 ? '' : ` (${names.join(', ')})`
    return names.some((name) => network.test(name))
      ? new GatewayError(
          'upstream_unreachable',
          `${this.#options.giver} cannot be reached${shown}`,
          notSent,
        )
      : new GatewayError(
          'upstream_auth_failed',
          `${this.#options.giver} gave nothing${shown}`,
          notSent,
        )
  }
}

const notSent = { dispatched: false } as const
const network =
  /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPIPE|UND_ERR_.+|TimeoutError)$/

function shortNames(thrown: unknown): string[] {
  const error = thrown as {
    response?: { data?: { error?: unknown } }
    code?: unknown
    name?: unknown
  }
  return [error?.response?.data?.error, error?.code, error?.name].filter(
    (name): name is string =>
      typeof name === 'string' && name !== 'Error' && /^[A-Za-z][A-Za-z0-9_]{1,59}$/.test(name),
  )
}

/** Settles as `promise` does, or rejects with the signal's reason. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
