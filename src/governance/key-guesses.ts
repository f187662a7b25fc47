import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../core/runtime.ts'

const throttle = {
  freeFailures: 300,
  perMs: 60_000,
  firstMs: 1000,
  longestMs: 60_000,
  entries: 10_000,
}

interface Guesser {
  count: number
  /** When its minute began. */
  since: number
  /** How often it was told to wait. */
  refusals: number
  until: number
}

/**
 * Unknown virtual keys by address. Whoever sends hundreds in a minute is told to wait, longer each time. A key that is good
 * is found first and never waits: behind one address there may be many callers, and a key is too long to be guessed.
 */
export class KeyGuesses {
  readonly #clock: Clock
  readonly #guessers = new Map<string, Guesser>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#guessers.size
  }

  /** Notes an unknown key. Throws `login_throttled` for one too many. */
  note(address: string): void {
    const now = this.#clock.monotonic()
    const known = this.#guessers.get(address)
    const guesser =
      known && now < Math.max(known.until, known.since) + throttle.perMs
        ? known
        : { count: 0, since: now, refusals: 0, until: 0 }
    this.#guessers.delete(address)
    for (const oldest of this.#guessers.keys()) {
      if (this.#guessers.size < throttle.entries) break
      this.#guessers.delete(oldest)
    }
    this.#guessers.set(address, guesser)
    if (now < guesser.until) throw throttled(guesser.until - now)
    // Once it was told to wait only a quiet minute makes it good again.
    if (guesser.refusals === 0 && now >= guesser.since + throttle.perMs)
      Object.assign(guesser, { count: 0, since: now })
    if (++guesser.count <= throttle.freeFailures) return
    const waitMs = Math.min(throttle.longestMs, throttle.firstMs * 2 ** guesser.refusals)
    guesser.refusals++
    guesser.until = now + waitMs
    throw throttled(waitMs)
  }
}

const throttled = (waitMs: number): GatewayError =>
  new GatewayError(
    'login_throttled',
    'Too many unknown virtual keys from this address. Wait before the next try, and check the key.',
    { retryAfterMs: waitMs },
  )
