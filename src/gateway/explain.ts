import { GatewayError } from '../core/errors.ts'
import type { Route, Target } from '../core/route.ts'
import type { Clock } from '../core/runtime.ts'
import type { Health } from '../routing/health.ts'
import type { PlannedTarget } from '../routing/plan.ts'
import { keysFor, type Provider, type Snapshot, upstreamName } from './snapshot.ts'

/** How one key of a provider stands with a model. Times are epoch milliseconds. */
export interface KeyStanding {
  /** Null: calls go out without a credential. */
  readonly key: string | null
  readonly quotaGroup: string
  readonly weight: number
  /** `cooling` after a rate limit, `refused` or spent, `open` after failures, `half-open` while it is tried again. */
  readonly state: 'ready' | 'cooling' | 'refused' | 'open' | 'half-open'
  readonly until: number | null
}

/** A target in the order in which a call would ask it; what it would not ask says why. */
export interface Candidate {
  readonly target: string
  /** 0: the route itself, else the how manieth fallback. */
  readonly fallback: number
  readonly strategy: Route['strategy']
  readonly weight: number
  /** The model's name on the provider's side. */
  readonly upstreamModel: string | null
  /** From 1; null: it is not asked. */
  readonly position: number | null
  readonly skipped: string | null
  readonly keys: readonly KeyStanding[]
}

export interface ExplainQuestion {
  readonly routes: readonly Route[]
  readonly plan: readonly PlannedTarget[]
  /** Why the whole call would be refused; null: it would not. */
  readonly barred: string | null
}

/** What a call would do, told without making it: everything the plan considered, and what speaks against the rest. */
export function explainPlan(
  { routes, plan, barred }: ExplainQuestion,
  snapshot: Snapshot,
  health: Health,
  clock: Clock,
): readonly Candidate[] {
  const seen = new Set<string>()
  return routes.flatMap((each, fallback) =>
    each.targets.map((target) => {
      const name = `${target.provider}/${target.model}`
      const isRepeated = seen.has(name)
      seen.add(name)
      const position = plan.findIndex((one) => one.target === target && one.fallback === fallback)
      const provider = snapshot.providers.get(target.provider)
      const against = barred ?? reasonAgainst(target, provider, isRepeated, position)
      return {
        target: name,
        fallback,
        strategy: each.strategy,
        weight: target.weight,
        upstreamModel: provider ? nameThere(provider, target.model) : null,
        position: against === null ? position + 1 : null,
        skipped: against,
        keys: provider ? keyStandings(provider, target.model, health, clock) : [],
      }
    }),
  )
}

function reasonAgainst(
  { provider: name, model, weight }: Target,
  provider: Provider | undefined,
  isRepeated: boolean,
  position: number,
): string | null {
  if (!provider) return `there is no provider "${name}"`
  if (keysFor(provider, model)?.length === 0) return `no key of "${name}" serves "${model}"`
  if (position >= 0) return null
  if (isRepeated) return 'it is asked before'
  return weight === 0 ? 'its weight is 0' : 'it failed of late and is left out for a while'
}

function nameThere(provider: Provider, model: string): string | null {
  try {
    return upstreamName(provider, model)
  } catch (thrown) {
    if (thrown instanceof GatewayError) return null
    throw thrown
  }
}

/** Every key of a provider that serves a model, as it stands now. */
export function keyStandings(
  provider: Provider,
  model: string,
  health: Health,
  clock: Clock,
): readonly KeyStanding[] {
  const upstream = nameThere(provider, model) ?? model
  const nowMs = clock.monotonic()
  const wall = (untilMs: number): number => Math.round(clock.now() + untilMs - nowMs)
  return (keysFor(provider, model) ?? [null]).map((each) => {
    const [key, quotaGroup] = [each?.name ?? null, each?.quotaGroup ?? '']
    const known = { key, quotaGroup, weight: each?.weight ?? 1 }
    const resting = health.rests(provider.name)?.of(key ?? '', quotaGroup, nowMs)
    if (resting) return { ...known, state: resting.why, until: wall(resting.untilMs) }
    const breaker = health.breaker({ provider: provider.name, model: upstream, key })
    const state = breaker?.state(nowMs) ?? 'closed'
    if (state === 'closed') return { ...known, state: 'ready', until: null }
    return { ...known, state, until: wall(breaker?.openUntilMs ?? nowMs) }
  })
}
