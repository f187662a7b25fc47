import type { Attempt } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import type { Health } from '../routing/health.ts'
import type { Chance, PlannedTarget } from '../routing/plan.ts'
import { mayRepeat } from '../routing/retry-budget.ts'
import { chooseKey } from './choose-key.ts'
import { type KeyChoice, prepareTarget, type ReadyTarget } from './ready-target.ts'
import { keysFor, type Snapshot } from './snapshot.ts'

export interface SecondWayQuestion {
  readonly plan: readonly PlannedTarget[]
  /** The attempt beside which another is looked for. */
  readonly first: Pick<Attempt, 'provider' | 'model' | 'key'>
  readonly choice: KeyChoice
  readonly nowMs: number
}

/** Where a second attempt may go: a target with all it takes, and whether it is the first one's own. */
export interface SecondWay {
  readonly planned: PlannedTarget
  readonly ready: ReadyTarget
}

/**
 * Whom to ask as well while one is late: the next target of the plan that is well, else the same by another key. Null:
 * there is nobody, or those there are have enough to repeat, as which this counts: where much is late, asking twice as
 * much would not make it quicker.
 */
export function findSecondWay(
  question: SecondWayQuestion,
  snapshot: Snapshot,
  health: Health,
  chance: Chance,
): SecondWay | null {
  const { plan, first, choice } = question
  let own: SecondWay | null = null
  for (const planned of plan) {
    const ready = tryToPrepare(planned, choice, snapshot)
    if (!ready) continue
    const isOwn = ready.provider.name === first.provider && ready.model === first.model
    if (isOwn) own = { planned, ready }
    // What stands before the first one was passed over for a reason.
    else if (own && isFree(planned, ready, health)) return { planned, ready }
  }
  return own && hasOtherKey(own.ready, question, health, chance) ? own : null
}

/** Null for what cannot be asked. */
export function tryToPrepare(
  { target }: PlannedTarget,
  choice: KeyChoice,
  snapshot: Snapshot,
): ReadyTarget | null {
  try {
    return prepareTarget(target, choice, snapshot)
  } catch (thrown) {
    if (thrown instanceof GatewayError) return null
    throw thrown
  }
}

function isFree(
  { target }: PlannedTarget,
  { provider, model }: ReadyTarget,
  health: Health,
): boolean {
  const keys = keysFor(provider, target.model)
  return !health.target(provider.name, model, keys).ejected && mayRepeat(provider.load)
}

function hasOtherKey(
  { provider, model, keys }: ReadyTarget,
  { first, nowMs }: SecondWayQuestion,
  health: Health,
  chance: Chance,
): boolean {
  const tried = new Set([first.key ?? ''])
  const chosen = chooseKey({ provider, model, keys, tried, nowMs }, health, chance)
  return chosen.kind === 'key' && mayRepeat(provider.load)
}
