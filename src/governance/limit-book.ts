import type { Limits, Rate, RateState, Scope, ShownLimits } from '../core/allowance.ts'
import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../core/runtime.ts'
import { type Instant, openRateMeter, type RateMeter } from './rate-meter.ts'

/** The limits of one scope, counted. */
interface Counter {
  readonly limits: Limits
  readonly requests: RateMeter | null
  readonly tokens: RateMeter | null
  running: number
  /** It is no longer the one that counts for its scope. */
  isGone: boolean
}

/** What was counted for a call; to be given back once, whatever happens. */
export interface Grant {
  /** Frees the slots and sets the token counts right; null: nothing can have been used, so all tokens come back. */
  release(usedTokens: number | null): void
  /** Takes back everything, as if the call had never been: for one that a later check refused. */
  undo(): void
}

const nobody: Grant = { release() {}, undo() {} }

/**
 * Counts what scopes may do. All limits of a call allow it or none is charged: they are asked first and charged after,
 * in one go, which nothing can come between.
 */
export class LimitBook {
  readonly #clock: Clock
  #counters = new Map<string, Counter>()
  /** The same by the scope itself, which stays as long as a snapshot: names are made once, not with every call. */
  readonly #found = new WeakMap<Scope, Counter>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Throws `rate_limit_exceeded`, `token_limit_exceeded` or `concurrency_exceeded` for the scope that makes it wait
   * longest. `tokens` is an estimate on the high side; a call larger than a whole limit may go when all of it is there.
   */
  take(scopes: readonly Scope[], tokens: number): Grant {
    if (scopes.every(({ limits }) => limits === null)) return nobody
    const at = this.#now()
    const taken = scopes.flatMap((scope) => {
      const counter = this.#counterOf(scope)
      return counter ? [{ scope, counter, cost: costIn(counter, tokens) }] : []
    })
    let worst: GatewayError | null = null
    for (const { scope, counter, cost } of taken) {
      const found = whyNot(scope, counter, cost, at)
      if (found && waitOf(found) > (worst ? waitOf(worst) : -1)) worst = found
    }
    if (worst) throw worst
    for (const { counter, cost } of taken) {
      counter.running++
      counter.requests?.take(1, at)
      counter.tokens?.take(cost, at)
    }
    return this.#grant(taken, at)
  }

  /** Tokens that were used without being counted before, such as by a job: later calls wait for them. */
  add(scopes: readonly Scope[], tokens: number): void {
    const at = this.#now()
    for (const scope of scopes) this.#counterOf(scope)?.tokens?.correct(tokens, at, at)
  }

  /** Of all the scopes' limits the one with the least left, for `x-ratelimit-*`. */
  shown(scopes: readonly Scope[]): ShownLimits {
    const at = this.#now()
    const tightest = (kind: 'requests' | 'tokens'): RateState | null =>
      scopes.reduce<RateState | null>((least, scope) => {
        const state = this.#counterOf(scope)?.[kind]?.state(at)
        return state && (least === null || state.remaining < least.remaining) ? state : least
      }, null)
    return { requests: tightest('requests'), tokens: tightest('tokens') }
  }

  running({ kind, id }: Scope): number {
    return this.#counters.get(`${kind}:${id}`)?.running ?? 0
  }

  /** After a reload: scopes that are gone are forgotten, as long as nothing runs under them. */
  keep(scopes: Iterable<Scope>): void {
    const kept = new Set([...scopes].map(({ kind, id }) => `${kind}:${id}`))
    for (const [name, counter] of this.#counters)
      if (!kept.has(name) && counter.running === 0) {
        counter.isGone = true
        this.#counters.delete(name)
      }
  }

  #grant(
    taken: readonly { readonly counter: Counter; readonly cost: number }[],
    since: Instant,
  ): Grant {
    let isOver = false
    const end = (requests: number, tokensOf: (cost: number) => number): void => {
      if (isOver) return
      isOver = true
      const at = this.#now()
      for (const { counter, cost } of taken) {
        counter.running--
        if (requests) counter.requests?.correct(requests, at, since)
        counter.tokens?.correct(tokensOf(cost), at, since)
      }
    }
    return {
      release: (used) => end(0, (cost) => (used ?? 0) - cost),
      undo: () => end(-1, (cost) => -cost),
    }
  }

  /** Null: the scope has no limits. A limit that was changed is counted anew; who runs goes on being counted. */
  #counterOf(scope: Scope): Counter | null {
    const { kind, id, limits } = scope
    if (!limits) return null
    const found = this.#found.get(scope)
    if (found && found.limits === limits && !found.isGone) return found
    const counter = this.#findCounter(kind, id, limits)
    this.#found.set(scope, counter)
    return counter
  }

  #findCounter(kind: Scope['kind'], id: string, limits: Limits): Counter {
    const name = `${kind}:${id}`
    const known = this.#counters.get(name)
    if (known && sameLimits(known.limits, limits)) return Object.assign(known, { limits })
    const counter = {
      limits,
      requests: renewed(known?.requests, known?.limits.requests, limits.requests),
      tokens: renewed(known?.tokens, known?.limits.tokens, limits.tokens),
      running: known?.running ?? 0,
      isGone: false,
    }
    // Grants under way give back to the counter they took from, so the old one stays the one that counts slots.
    if (known) Object.assign(known, counter)
    else this.#counters.set(name, counter)
    return known ?? counter
  }

  #now(): Instant {
    return { monotonicMs: this.#clock.monotonic(), epochMs: this.#clock.now() }
  }
}

const costIn = ({ limits }: Counter, tokens: number): number =>
  Math.min(tokens, limits.tokens?.amount ?? tokens)

const sameRate = (a: Rate | null | undefined, b: Rate | null): boolean =>
  a === b ||
  (!!a && !!b && a.amount === b.amount && a.windowMs === b.windowMs && a.calendar === b.calendar)

const sameLimits = (a: Limits, b: Limits): boolean =>
  a === b ||
  (sameRate(a.requests, b.requests) &&
    sameRate(a.tokens, b.tokens) &&
    a.concurrency === b.concurrency)

function renewed(
  meter: RateMeter | null | undefined,
  before: Rate | null | undefined,
  rate: Rate | null,
): RateMeter | null {
  if (rate === null) return null
  return meter && sameRate(before, rate) ? meter : openRateMeter(rate)
}

const waitOf = (error: GatewayError): number => error.facts.retryAfterMs ?? 0

function whyNot(scope: Scope, counter: Counter, cost: number, at: Instant): GatewayError | null {
  const { limits, requests, tokens, running } = counter
  if (limits.concurrency !== null && running >= limits.concurrency)
    return new GatewayError(
      'concurrency_exceeded',
      `${nameOf(scope)} may have ${limits.concurrency} calls under way at once, and has. Send the next one when one has ended.`,
      { scope: scope.kind, retryAfterMs: 1000 },
    )
  const requestsMs = requests?.waitFor(1, at) ?? 0
  const tokensMs = tokens?.waitFor(cost, at) ?? 0
  if (requestsMs >= tokensMs && requestsMs > 0 && limits.requests)
    return new GatewayError(
      'rate_limit_exceeded',
      `${nameOf(scope)} may make ${inWords(limits.requests, 'calls')}. The next one fits in ${seconds(requestsMs)}.`,
      { scope: scope.kind, retryAfterMs: requestsMs },
    )
  if (tokensMs > 0 && limits.tokens)
    return new GatewayError(
      'token_limit_exceeded',
      `${nameOf(scope)} may use ${inWords(limits.tokens, 'tokens')}, and this call may need up to ${cost}. It fits in ${seconds(tokensMs)}.`,
      { scope: scope.kind, retryAfterMs: tokensMs },
    )
  return null
}

/** How messages call a scope. */
export const nameOf = ({ kind, name }: Pick<Scope, 'kind' | 'name'>): string =>
  kind === 'anonymous' ? 'Callers without a key' : `The ${kind} "${name}"`

const inWords = ({ amount, windowMs, calendar }: Rate, what: string): string =>
  `${amount} ${what} per ${calendar ? `calendar ${calendar}` : seconds(windowMs)}`

const seconds = (ms: number): string => `${Math.ceil(ms / 1000)} s`
