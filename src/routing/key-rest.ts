/** A key, or all keys of one quota, that is left alone for a while. Times are monotonic milliseconds. */
interface Rest {
  readonly sinceMs: number
  readonly untilMs: number
  /** Whether the provider itself said how long. */
  readonly explicit: boolean
  /** How often in a row without the provider saying how long. */
  readonly times: number
}

const cool = { firstMs: 1000, longestMs: 60_000, atMostMs: 10 * 60_000 }
const refused = { firstMs: 5 * 60_000, longestMs: 3600_000 }

export interface Resting {
  readonly why: 'cooling' | 'refused'
  readonly untilMs: number
  readonly explicit: boolean
}

/** Which keys of one provider are set aside: those that share a quota together, a refused one by itself. */
export class KeyRest {
  readonly #cooling = new Map<string, Rest>()
  readonly #refused = new Map<string, Rest>()

  /** Null: the key may be used. */
  of(key: string, quotaGroup: string, nowMs: number): Resting | null {
    if (this.#cooling.size === 0 && this.#refused.size === 0) return null
    const refusal = this.#refused.get(key)
    if (refusal && refusal.untilMs > nowMs)
      return { why: 'refused', untilMs: refusal.untilMs, explicit: false }
    const pause = this.#cooling.get(quotaGroup)
    if (pause && pause.untilMs > nowMs)
      return { why: 'cooling', untilMs: pause.untilMs, explicit: pause.explicit }
    return null
  }

  /** A rate limit; `forMs` where the provider said for how long. */
  cool(quotaGroup: string, forMs: number | undefined, nowMs: number): void {
    if (forMs === undefined) {
      this.#cooling.set(quotaGroup, longer(this.#cooling.get(quotaGroup), cool, nowMs))
      return
    }
    const before = this.#cooling.get(quotaGroup)
    // Calls that ran side by side are told different times; the latest holds.
    const untilMs = Math.max(
      nowMs + Math.min(forMs, cool.atMostMs),
      before?.explicit ? before.untilMs : 0,
    )
    this.#cooling.set(quotaGroup, { sinceMs: nowMs, untilMs, explicit: true, times: 0 })
  }

  /** A key that was refused, or whose money is spent. */
  refuse(key: string, nowMs: number): void {
    this.#refused.set(key, longer(this.#refused.get(key), refused, nowMs))
  }

  /** It worked for a call begun at `sinceMs`: what was set aside only later stays so. */
  clear(key: string, quotaGroup: string, sinceMs: number): void {
    clearOlder(this.#refused, key, sinceMs)
    clearOlder(this.#cooling, quotaGroup, sinceMs)
  }
}

function clearOlder(rests: Map<string, Rest>, name: string, sinceMs: number): void {
  const rest = rests.size === 0 ? undefined : rests.get(name)
  if (rest && rest.sinceMs <= sinceMs) rests.delete(name)
}

/** Each time twice as long; what fails while it rests already is no further time. */
function longer(
  before: Rest | undefined,
  { firstMs, longestMs }: { readonly firstMs: number; readonly longestMs: number },
  nowMs: number,
): Rest {
  if (before && before.untilMs > nowMs) return before
  const times = (before?.times ?? 0) + 1
  const ms = Math.min(longestMs, firstMs * 2 ** (times - 1))
  return { sinceMs: nowMs, untilMs: nowMs + ms, explicit: false, times }
}
