import type { Route, Target } from '../core/route.ts'

/** What is known about a target when a call is planned. */
export interface TargetHealth {
  /** Taken out for a while, since it failed. */
  readonly ejected: boolean
  /** What part of its weight it has, up to 1. */
  readonly share: number
  /** Milliseconds until the first token, of late; null: not known yet. */
  readonly latencyMs: number | null
  /** How long ago that was measured last; null: never. */
  readonly latencyAgeMs: number | null
}

export interface PlannedTarget {
  readonly target: Target
  /** 0: the route itself, else the how manieth fallback. */
  readonly fallback: number
}

/** Each name is asked for once per plan. From 0 to, not including, 1. */
export interface Chance {
  (name: string): number
  /** Whether the same name always has the same answer: the calls of a session stay together by that. */
  readonly sticks?: boolean
}

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
        ? byLatency(ranked, chance)
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

/** A figure older than this says little of how quick a target is now. */
const staleMs = 30_000
/** What part of the calls goes to a target for the sake of its figure. */
const measuredShare = 0.05
/** A session leaves its target when that takes this many times as long as the quickest. */
const tooSlow = 2

/**
 * The quickest first; one that nobody has tried yet is tried. A slow one would never be seen to have become quick, since
 * nobody asks it any more: some calls go to the one whose figure is oldest.
 */
function byLatency(ranked: readonly Ranked[], chance: Chance): Ranked[] {
  const ordered = [...ranked].sort((a, b) => latencyOf(a) - latencyOf(b))
  const first = chance.sticks ? homeOf(ordered, chance) : outdatedOf(ordered, chance)
  return first ? [first, ...ordered.filter((each) => each !== first)] : ordered
}

const latencyOf = ({ health }: Ranked): number => health.latencyMs ?? 0
const isStale = ({ health }: Ranked): boolean => (health.latencyAgeMs ?? 0) > staleMs

/** Drawn only where there is something to measure; null: the quickest is asked. */
function outdatedOf(ordered: readonly Ranked[], chance: Chance): Ranked | null {
  let oldest: Ranked | null = null
  for (const each of ordered.slice(1))
    if (isStale(each) && ageOf(each) > ageOf(oldest)) oldest = each
  return oldest !== null && isMeasuring(oldest, chance) ? oldest : null
}

const ageOf = (ranked: Ranked | null): number => ranked?.health.latencyAgeMs ?? 0

/**
 * Where a session goes, each evenly likely and always the same, unless that is much slower than the quickest. Of those
 * that had to leave a slow one some look in there again, once its figure is stale.
 */
function homeOf(ordered: readonly Ranked[], chance: Chance): Ranked | null {
  let [home, highest]: [Ranked | null, number] = [null, -1]
  for (const each of ordered) {
    const draw = chance(nameOf(each.target))
    if (draw > highest) [home, highest] = [each, draw]
  }
  const [quickest] = ordered
  if (!home || !quickest || home.health.latencyMs === null) return home
  // Against one that nobody has tried yet there is nothing to compare with.
  const isSlow =
    quickest.health.latencyMs !== null && latencyOf(home) > tooSlow * latencyOf(quickest)
  return !isSlow || (isStale(home) && isMeasuring(home, chance)) ? home : null
}

const isMeasuring = ({ target }: Ranked, chance: Chance): boolean =>
  chance(`measure ${nameOf(target)}`) < measuredShare

const nameOf = ({ provider, model }: { provider: string; model: string }): string =>
  `${provider}/${model}`
