import type { HedgeRule } from '../core/route.ts'
import { AnswerTimes } from './answer-times.ts'
import { HedgeBudget } from './hedge-budget.ts'

/** What is known of one route for its second attempts. */
export interface RouteHedging {
  readonly budget: HedgeBudget
  readonly plain: AnswerTimes
  readonly stream: AnswerTimes
}

/** What this process knows of the routes that may be asked twice. As many as are configured. */
export class HedgeBook {
  readonly #routes = new Map<string, RouteHedging>()

  of(route: string): RouteHedging {
    const found = this.#routes.get(route)
    if (found) return found
    const made = {
      budget: new HedgeBudget(),
      plain: new AnswerTimes(),
      stream: new AnswerTimes(),
    }
    this.#routes.set(route, made)
    return made
  }

  /** Routes that are gone are forgotten. */
  keepOnly(routes: ReadonlySet<string>): void {
    for (const name of this.#routes.keys()) if (!routes.has(name)) this.#routes.delete(name)
  }
}

/** How long a first answer is waited for before somebody else is asked as well; null: nobody is. */
export function hedgeDelayMs(rule: HedgeRule, times: AnswerTimes, nowMs: number): number | null {
  const lateMs = times.p95(nowMs)
  return lateMs === null ? null : Math.max(lateMs, rule.afterMs)
}
