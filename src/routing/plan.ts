import type { Route, Target } from '../core/route.ts'

/** What is known about a target when a call is planned. */
export interface TargetHealth {
  /** Taken out for a while, since it failed. */
  readonly ejected: boolean
  /** What part of its weight it has, up to 1. */
  readonly share: number
  /** Milliseconds until the first token, of late; null: not known yet. */
  readonly latencyMs: number | null
}

export interface PlannedTarget {
  readonly target: Target
  /** 0: the route itself, else the how manieth fallback. */
  readonly fallback: number
}

/** Each name is asked for once per plan. From 0 to, not including, 1. */
export type Chance = (name: string) => number

/**
 * Where a call goes, first to last: the targets of the route, then those of each fallback, none twice. A pure function of
 * the routes, of health and of chance. Targets that are ejected are left out, unless more than half of their route are:
 * then all are as good as each other again, the best first.
 */
export function planTargets(
  routes: readonly Route[],
  healthOf: (target: Target) => TargetHealth,
  chance: Chance,
): readonly PlannedTarget[] {
  const [only, ...rest] = routes
  const first = only?.targets[0]
  // Nearly every call: one route to one target, about which health has no say.
  if (first && rest.length === 0 && only.targets.length === 1)
    return [{ target: first, fallback: 0 }]
  const plan: PlannedTarget[] = []
  const seen = new Set<string>()
  for (const [fallback, route] of routes.entries())
    for (const target of orderTargets(route, healthOf, chance)) {
      const name = nameOf(target)
      if (seen.has(name)) continue
      seen.add(name)
      plan.push({ target, fallback })
    }
  return plan
}

interface Ranked {
  readonly target: Target
  readonly health: TargetHealth
}

function orderTargets(
  { strategy, targets }: Route,
  healthOf: (target: Target) => TargetHealth,
  chance: Chance,
): readonly Target[] {
  if (targets.length === 1) return targets
  const all = targets.map((target) => ({ target, health: healthOf(target) }))
  const well = all.filter(({ health }) => !health.ejected)
  const panic = all.length - well.length > all.length / 2
  const ranked = panic ? all : well
  const ordered =
    strategy === 'weighted'
      ? byWeight(ranked, chance)
      : strategy === 'least-latency'
        ? byLatency(ranked)
        : [...ranked]
  // In a panic those that are well still come first.
  if (panic) ordered.sort((a, b) => Number(a.health.ejected) - Number(b.health.ejected))
  return ordered.map(({ target }) => target)
}

/**
 * A random order in which the heavier is likelier to come first, as if it were drawn again and again without putting back:
 * each waits a time that is the shorter the more it weighs. With a chance that depends on the name alone the order
 * stays, and one target more or less changes nothing among the others.
 */
function byWeight(ranked: readonly Ranked[], chance: Chance): Ranked[] {
  const usable = ranked.filter(({ target }) => target.weight > 0)
  const drawn = usable.length > 0 ? usable : ranked
  return drawn
    .map((each) => ({ each, waits: waitOf(each.target.weight || 1, each, chance) }))
    .sort((a, b) => a.waits - b.waits)
    .map(({ each }) => each)
}

const waitOf = (weight: number, { target, health }: Ranked, chance: Chance): number =>
  -Math.log(1 - chance(nameOf(target))) / (weight * health.share)

/** The quickest first; one that nobody has tried yet is tried. */
const byLatency = (ranked: readonly Ranked[]): Ranked[] =>
  [...ranked].sort((a, b) => (a.health.latencyMs ?? 0) - (b.health.latencyMs ?? 0))

const nameOf = ({ provider, model }: { provider: string; model: string }): string =>
  `${provider}/${model}`
