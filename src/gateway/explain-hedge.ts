import { type AnswerTimes, answersToTell } from '../routing/answer-times.ts'
import type { Health } from '../routing/health.ts'
import { hedgeDelayMs } from '../routing/hedge-book.ts'
import type { Chance, PlannedTarget } from '../routing/plan.ts'
import type { Resilience } from './attempts.ts'
import { chooseKey } from './choose-key.ts'
import type { Hedging } from './hedge.ts'
import { findSecondWay, type SecondWay, tryToPrepare } from './second-way.ts'
import type { Snapshot } from './snapshot.ts'

/** Whether a second attempt would be made for a call that is late, and when. */
export interface HedgeOutlook {
  readonly extraPercent: number
  /** `provider/model` of the second way; null: there is none. */
  readonly to: string | null
  readonly plain: HedgeOfForm
  readonly stream: HedgeOfForm
}

export interface HedgeOfForm {
  /** Null: not yet known. */
  readonly afterMs: number | null
  /** Of how many answers of the last minutes is known how long they took. */
  readonly samples: number
  /** Null: it would be made. */
  readonly whyNot: string | null
}

export interface HedgeQuestion {
  readonly hedging: Hedging
  readonly plan: readonly PlannedTarget[]
  readonly chance: Chance
  readonly barred: string | null
}

/** What would follow if the first attempt of a call were late. */
export function explainHedge(
  { hedging, plan, chance, barred }: HedgeQuestion,
  snapshot: Snapshot,
  { health, runtime }: Resilience,
): HedgeOutlook {
  const { rule, known, strain } = hedging
  const nowMs = runtime.clock.monotonic()
  const way = secondWay(plan, chance, snapshot, health, nowMs)
  const against =
    barred ??
    (strain.level > 0 ? 'the gateway has enough to bear' : null) ??
    (way ? null : 'there is no other way to go')
  const ofForm = (times: AnswerTimes): HedgeOfForm => {
    const [afterMs, samples] = [hedgeDelayMs(rule, times, nowMs), times.count(nowMs)]
    const unknown =
      afterMs === null ? `of ${answersToTell} answers the times of ${samples} are known` : null
    const spent = known.budget.coversUsual ? null : 'what second attempts may cost is used up'
    return {
      afterMs: afterMs === null ? null : Math.round(afterMs),
      samples,
      whyNot: against ?? unknown ?? spent,
    }
  }
  return {
    extraPercent: rule.share * 100,
    to: way ? `${way.planned.target.provider}/${way.planned.target.model}` : null,
    plain: ofForm(known.plain),
    stream: ofForm(known.stream),
  }
}

/** Beside the way that would be asked first now. */
function secondWay(
  plan: readonly PlannedTarget[],
  chance: Chance,
  snapshot: Snapshot,
  health: Health,
  nowMs: number,
): SecondWay | null {
  for (const planned of plan) {
    const ready = tryToPrepare(planned, { pinnedKey: null }, snapshot)
    if (!ready) continue
    const chosen = chooseKey({ ...ready, tried: new Set(), nowMs }, health, chance)
    if (chosen.kind !== 'key') continue
    const first = {
      provider: ready.provider.name,
      model: ready.model,
      key: chosen.key?.name ?? null,
    }
    return findSecondWay(
      { plan, first, choice: { pinnedKey: null }, nowMs },
      snapshot,
      health,
      chance,
    )
  }
  return null
}
