import type { Clock } from '../core/runtime.ts'
import { Breaker } from './breaker.ts'
import { KeyRest } from './key-rest.ts'
import type { TargetHealth } from './plan.ts'

/** One way to a model: with which key of which provider. */
export interface Way {
  readonly provider: string
  /** The model's name there. */
  readonly model: string
  /** Null where no credential is sent. */
  readonly key: string | null
  readonly quotaGroup: string
}

export interface KeyOfQuota {
  readonly name: string
  readonly quotaGroup: string
}

const withoutKey: KeyOfQuota = { name: '', quotaGroup: '' }
const entriesAtMost = 10_000
/** What is left of the figure before: this much of one just measured, half of that for every `halfLifeMs` of its age. */
const latency = { kept: 0.8, halfLifeMs: 30_000 }

const well: TargetHealth = { ejected: false, share: 1, latencyMs: null, latencyAgeMs: null }

interface Latency {
  readonly ms: number
  readonly measuredMs: number
}

/**
 * What this process has learnt of its providers. Nothing is kept of a way that never failed, so that calls that go well
 * cost a look at an empty map.
 */
export class Health {
  readonly #clock: Clock
  readonly #chance: () => number
  readonly #breakers = new Map<string, Breaker>()
  readonly #rests = new Map<string, KeyRest>()
  readonly #latencies = new Map<string, Latency>()

  constructor(clock: Clock, chance: () => number) {
    this.#clock = clock
    this.#chance = chance
  }

  /** Which keys of a provider rest; null: none does. */
  rests(provider: string): KeyRest | null {
    return this.#rests.size === 0 ? null : (this.#rests.get(provider) ?? null)
  }

  /** Null: it never failed. */
  breaker({ provider, model, key }: Omit<Way, 'quotaGroup'>): Breaker | null {
    return this.#breakers.size === 0
      ? null
      : (this.#breakers.get(wayName(provider, model, key)) ?? null)
  }

  /** How a target is doing by the best of its keys; `keys` null: it takes calls without one. */
  target(provider: string, model: string, keys: readonly KeyOfQuota[] | null): TargetHealth {
    const measured = this.#latencies.get(targetName(provider, model))
    const rests = this.rests(provider)
    const isWell = this.#breakers.size === 0 && rests === null
    if (isWell && !measured) return well
    const nowMs = this.#clock.monotonic()
    const latencyMs = measured?.ms ?? null
    const latencyAgeMs = measured ? nowMs - measured.measuredMs : null
    if (isWell) return { ...well, latencyMs, latencyAgeMs }
    let share = 0
    for (const key of keys ?? [withoutKey]) {
      if (rests?.of(key.name, key.quotaGroup, nowMs)) continue
      const breaker = this.#breakers.get(wayName(provider, model, key.name))
      if (!breaker) share = 1
      else if (breaker.admits(nowMs)) share = Math.max(share, breaker.share(nowMs))
    }
    return { ejected: share === 0, share: share || 1, latencyMs, latencyAgeMs }
  }

  /** A call goes this way. Returns when, to be told with how it ended: what was learnt in between is newer. */
  begin(way: Way): number {
    const nowMs = this.#clock.monotonic()
    this.breaker(way)?.begin(nowMs)
    return nowMs
  }

  succeeded(way: Way, sinceMs: number): void {
    this.rests(way.provider)?.clear(way.key ?? '', way.quotaGroup, sinceMs)
    this.breaker(way)?.succeed(this.#clock.monotonic(), sinceMs)
  }

  failed(way: Way, sinceMs: number): void {
    const name = wayName(way.provider, way.model, way.key)
    let breaker = this.#breakers.get(name)
    if (!breaker) {
      // Names of models come from callers: past the bound what was learnt first is forgotten.
      forgetOldest(this.#breakers)
      breaker = new Breaker()
      this.#breakers.set(name, breaker)
    }
    breaker.fail(this.#clock.monotonic(), this.#chance(), sinceMs)
  }

  /** A rate limit, for as long as the provider said. */
  limited(way: Way, sinceMs: number, retryAfterMs: number | undefined): void {
    this.#restsOf(way.provider).cool(way.quotaGroup, retryAfterMs, this.#clock.monotonic())
    this.unknown(way, sinceMs)
  }

  refused(way: Way, sinceMs: number): void {
    this.#restsOf(way.provider).refuse(way.key ?? '', this.#clock.monotonic())
    this.unknown(way, sinceMs)
  }

  /** An attempt that says nothing about its way. */
  unknown(way: Way, sinceMs: number): void {
    this.breaker(way)?.forget(sinceMs)
  }

  /** How long a target took to its first token, or to its whole reply. */
  took({ provider, model }: Way, ms: number): void {
    const name = targetName(provider, model)
    const before = this.#latencies.get(name)
    if (before === undefined) forgetOldest(this.#latencies)
    const measuredMs = this.#clock.monotonic()
    const ageMs = measuredMs - (before?.measuredMs ?? measuredMs)
    const kept = before ? latency.kept * 0.5 ** (ageMs / latency.halfLifeMs) : 0
    this.#latencies.set(name, { ms: ms + kept * ((before?.ms ?? ms) - ms), measuredMs })
  }

  /** Keys may have been changed: those that were refused get another chance. */
  reconfigured(): void {
    this.#rests.clear()
  }

  /** Every target that has failed of late. */
  ways(): readonly { readonly provider: string; readonly model: string }[] {
    return [...this.#breakers.keys()].map((name) => {
      const slash = name.indexOf('/')
      const model = name.slice(slash + 1, name.lastIndexOf('#'))
      return { provider: name.slice(0, slash), model }
    })
  }

  /** How many ways are taken out now. */
  countOpen(): number {
    const nowMs = this.#clock.monotonic()
    let open = 0
    for (const breaker of this.#breakers.values()) if (breaker.state(nowMs) !== 'closed') open++
    return open
  }

  #restsOf(provider: string): KeyRest {
    const found = this.#rests.get(provider)
    if (found) return found
    const made = new KeyRest()
    this.#rests.set(provider, made)
    return made
  }
}

const targetName = (provider: string, model: string): string => `${provider}/${model}`
const wayName = (provider: string, model: string, key: string | null): string =>
  `${provider}/${model}#${key ?? ''}`

function forgetOldest(map: Map<string, unknown>): void {
  if (map.size < entriesAtMost) return
  for (const name of map.keys()) {
    map.delete(name)
    return
  }
}
