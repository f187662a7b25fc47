import type { Attempt, Call } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import type { HedgeRule } from '../core/route.ts'
import type { Timer } from '../core/runtime.ts'
import type { AnswerTimes } from '../routing/answer-times.ts'
import { hedgeDelayMs, type RouteHedging } from '../routing/hedge-book.ts'
import type { Chance, PlannedTarget } from '../routing/plan.ts'
import { mayRepeat } from '../routing/retry-budget.ts'
import { ruleFor } from '../routing/retry-rule.ts'
import type { Answer, AttemptContext } from './attempt.ts'
import { type Beside, type Resilience, runAttempts } from './attempts.ts'
import { findSecondWay } from './second-way.ts'
import type { Snapshot } from './snapshot.ts'

/** What a route says of second attempts, and what is known of it. */
export interface Hedging {
  readonly rule: HedgeRule
  readonly known: RouteHedging
  /** Above 0 nobody is asked twice. */
  readonly strain: { readonly level: number }
}

/**
 * As `runAttempts`, but that another way is asked as well where the first is later than the route's answers are. Whoever
 * answers first has answered; the other one is given up at once.
 */
export function runHedged(
  context: AttemptContext,
  plan: readonly PlannedTarget[],
  chance: Chance,
  snapshot: Snapshot,
  shared: Resilience,
  hedging: Hedging,
): Promise<Answer> {
  return new HedgedCall(context, plan, chance, snapshot, shared, hedging).run()
}

class HedgedCall implements Beside {
  readonly #context: AttemptContext
  readonly #plan: readonly PlannedTarget[]
  readonly #chance: Chance
  readonly #snapshot: Snapshot
  readonly #shared: Resilience
  readonly #hedging: Hedging
  readonly #times: AnswerTimes
  readonly #first = new AbortController()
  /** Null while none is under way. */
  #second: AbortController | null = null
  #secondError: GatewayError | null = null
  /** What the first attempt had written into the call, where the second writes as well. */
  #ofFirst: Pick<Call, 'fallback' | 'dropped'> = { fallback: 0, dropped: [] }
  #timer: Timer | null = null
  #isOver = false
  #secondEnded: (() => void) | null = null
  #resolve!: (answer: Answer) => void
  #reject!: (error: unknown) => void

  constructor(
    context: AttemptContext,
    plan: readonly PlannedTarget[],
    chance: Chance,
    snapshot: Snapshot,
    shared: Resilience,
    hedging: Hedging,
  ) {
    this.#context = context
    this.#plan = plan
    this.#chance = chance
    this.#snapshot = snapshot
    this.#shared = shared
    this.#hedging = hedging
    this.#times = hedging.known[context.look.stream ? 'stream' : 'plain']
  }

  run(): Promise<Answer> {
    const { signal, look } = this.#context
    const { rule, known } = this.#hedging
    const { clock } = this.#shared.runtime
    known.budget.earn(look.promptBytes, rule.share)
    // It stays, since the one that answers by a stream still hears of the caller through it.
    if (signal.aborted) this.#first.abort(signal.reason)
    else signal.addEventListener('abort', () => this.#abortBoth(signal.reason), { once: true })
    const delayMs = hedgeDelayMs(rule, this.#times, clock.monotonic())
    if (delayMs !== null) this.#timer = clock.timer(delayMs, () => this.#begin())
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#ask(this.#plan, this.#first, false).then(
        (answer) => this.#answered(answer, false),
        (thrown: unknown) => this.#failed(thrown),
      )
    })
  }

  over(): Promise<void> {
    // Who has failed is not late any more.
    this.#timer?.cancel()
    if (!this.#second) return Promise.resolve()
    return new Promise((resolve) => {
      this.#secondEnded = resolve
    })
  }

  #ask(
    plan: readonly PlannedTarget[],
    { signal }: AbortController,
    hedge: boolean,
  ): Promise<Answer> {
    const context = { ...this.#context, signal, hedge }
    const beside = hedge ? null : this
    return runAttempts(context, plan, this.#chance, this.#snapshot, this.#shared, beside)
  }

  /** The first one is late. */
  #begin(): void {
    const { call, look } = this.#context
    const { budget } = this.#hedging.known
    const planned = this.#mayBegin() ? this.#findWay(call.attempts[0]) : null
    if (!planned) return
    budget.spend(look.promptBytes)
    this.#ofFirst = { fallback: call.fallback, dropped: call.dropped }
    this.#second = new AbortController()
    this.#ask([planned], this.#second, true).then(
      (answer) => this.#answered(answer, true),
      (thrown: unknown) => this.#secondFailed(GatewayError.from(thrown)),
    )
  }

  #mayBegin(): boolean {
    const { call, look } = this.#context
    const { known, strain } = this.#hedging
    const [first, ...others] = call.attempts
    if (this.#isOver || strain.level > 0) return false
    if (!first || first.endedMs !== null || others.length > 0) return false
    return known.budget.covers(look.promptBytes) && mayRepeat(this.#shared.load)
  }

  #findWay(first: Attempt | undefined): PlannedTarget | null {
    if (!first) return null
    const { extras } = this.#context
    const { health, runtime } = this.#shared
    const nowMs = runtime.clock.monotonic()
    const question = { plan: this.#plan, first, choice: extras, nowMs }
    return findSecondWay(question, this.#snapshot, health, this.#chance)?.planned ?? null
  }

  #answered(answer: Answer, isSecond: boolean): void {
    if (this.#isOver) {
      // Both answered in the same moment; its signal was aborted then, which ends a stream.
      if (answer.kind === 'stream') answer.onEnd?.(outrun())
      return
    }
    this.#end()
    this.#learn(answer)
    const { call } = this.#context
    if (!isSecond && this.#second) Object.assign(call, this.#ofFirst)
    ;(isSecond ? this.#first : this.#second)?.abort(outrun())
    moveLast(call.attempts, isSecond)
    this.#resolve(answer)
  }

  /** From how long the first one took, or has taken until it was given up: what matters is only how many are late. */
  #learn(answer: Answer): void {
    const { clock } = this.#shared.runtime
    const [first] = this.#context.call.attempts
    const nowMs = clock.monotonic()
    if (first?.error !== null) return
    this.#times.note(nowMs - first.startedMs, nowMs)
    // What the other one would have said may be billed as well.
    if (this.#second && answer.kind !== 'stream')
      this.#hedging.known.budget.spend(
        answer.kind === 'reply' ? answer.body.length : answer.bytes.length,
      )
  }

  #secondFailed(error: GatewayError): void {
    this.#second = null
    if (this.#isOver) return
    this.#secondError = error
    Object.assign(this.#context.call, this.#ofFirst)
    this.#secondEnded?.()
  }

  /** It has waited for the second one, and tried what else there is. */
  #failed(thrown: unknown): void {
    if (this.#isOver) return
    this.#end()
    this.#second?.abort(outrun())
    const { call, signal } = this.#context
    const second = signal.aborted ? null : this.#secondError
    const isSecond = second !== null && truthOf(second) > truthOf(GatewayError.from(thrown))
    moveLast(call.attempts, isSecond)
    this.#reject(isSecond ? second : thrown)
  }

  #end(): void {
    this.#isOver = true
    this.#timer?.cancel()
  }

  #abortBoth(reason: unknown): void {
    this.#first.abort(reason)
    this.#second?.abort(reason)
  }
}

/** Of two attempts that ran side by side, the one that decided the call is told last. */
function moveLast(attempts: Attempt[], isSecond: boolean): void {
  const at = attempts.findLastIndex(({ role }) => (role === 'hedge') === isSecond)
  if (at >= 0) attempts.push(...attempts.splice(at, 1))
}

/**
 * How much an error says about the call itself: a refusal more than a failure, that more than what never arrived, and least
 * of all what the gateway itself had against it.
 */
function truthOf(error: GatewayError): number {
  if (!error.code.startsWith('upstream_')) return -1
  const { upstreamStatus, dispatched } = error.facts
  const { otherKey, nextTarget } = ruleFor(error)
  if (upstreamStatus !== undefined) return otherKey || nextTarget ? 2 : 3
  return dispatched === false ? 0 : 1
}

const outrun = (): GatewayError =>
  new GatewayError('outrun', 'Another attempt of the same call answered first')
