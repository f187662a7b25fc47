import type { Budget, Scope } from '../core/allowance.ts'
import type { Attempt, AttemptHold, Call } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import { mostOf, type Price } from '../core/price.ts'
import type { Principal } from '../core/principal.ts'
import type { Redactor } from '../core/redactor.ts'
import type { Clock } from '../core/runtime.ts'
import type { BudgetBook, Reservation } from '../governance/budget-book.ts'
import type { Grant, LimitBook } from '../governance/limit-book.ts'
import type { Tariff } from '../governance/tariff.ts'
import type { Intent, IntentLog } from '../sinks/intent-log.ts'
import type { LedgerLine } from '../store/ledger-store.ts'
import { readField } from '../wire/json-scan.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import { mostTokens, promptSizeOf, usualTokens } from '../wire/openai-chat/prompt-size.ts'
import { entryOf, LedgerWays, noteOfNothing, outcomeOf } from './ledger-entry.ts'
import type { LedgerWriter } from './ledger-writer.ts'

/** The one an attempt is about to be made at. */
export interface PaidTarget {
  readonly provider: string
  readonly type: string
  /** As it was asked for, and as it is called there. */
  readonly model: string
  readonly upstreamModel: string
  readonly key: string | null
  readonly role: 'first' | 'repeat' | 'hedge'
}

export interface BookkeeperDeps {
  readonly clock: Clock
  readonly limits: LimitBook
  readonly budgets: BudgetBook
  readonly writer: LedgerWriter
  /** Null: what a process that dies had under way is not remembered. */
  readonly intents: IntentLog | null
  /** Takes secrets out of names that callers choose. */
  readonly redact: () => Redactor
}

/** Lets calls in and attempts go as limits and money allow, and settles what they came to: each attempt once. */
export class Bookkeeper {
  readonly #deps: BookkeeperDeps
  readonly #ways: LedgerWays

  constructor(deps: BookkeeperDeps) {
    this.#deps = deps
    this.#ways = new LedgerWays(deps.redact)
  }

  get limits(): LimitBook {
    return this.#deps.limits
  }

  /** Once per call, before anybody is asked. Throws 429 with the limit that is reached, 503 while the ledger is stuck. */
  enter(call: Call, { scopes }: Principal, look: ChatLook): void {
    if (!scopes.some(({ limits }) => limits)) {
      this.#checkLedger()
      return
    }
    try {
      const grant = this.#grant(scopes, look)
      call.release = (used) => grant.release(used)
    } finally {
      call.limits = this.#deps.limits.shown(scopes)
    }
  }

  /**
   * For a call that is made later: it counts now as a request with the tokens it is likely to use, and must be payable by
   * one of its targets. Rejects as `enter` and `hold` do; nothing stays held.
   */
  async enterLater(
    { scopes }: Principal,
    targets: readonly PaidTarget[],
    look: ChatLook,
    tariff: Tariff,
  ): Promise<void> {
    const grant = this.#grant(scopes, look)
    try {
      await this.#checkBudgets(scopes, targets, look, tariff)
    } catch (thrown) {
      grant.undo()
      throw thrown
    }
    grant.release(usualTokens(promptSizeOf(look)))
  }

  /** A job was counted when it was handed in, with a guess at its prompt: what it used besides comes to it now. */
  #releaseOfRun({ principal, job }: Call, look: ChatLook): NonNullable<Call['release']> {
    const scopes = principal?.scopes ?? []
    const counted = job?.attempt === 1 ? usualTokens(promptSizeOf(look)) : 0
    return (used) => this.#deps.limits.add(scopes, used - counted)
  }

  #checkLedger(): void {
    if (this.#deps.writer.isFull)
      throw new GatewayError(
        'storage_unavailable',
        'What calls have cost cannot be stored, and no more of it can be kept in memory.',
      )
  }

  #grant(scopes: readonly Scope[], look: ChatLook): Grant {
    this.#checkLedger()
    const counts = scopes.some(({ limits }) => limits?.tokens)
    return this.#deps.limits.take(scopes, counts ? this.#mostTokens(look) : 0)
  }

  /**
   * Before each attempt. Throws or rejects with 402 that names the budget, 403 for a model without a price, 429 of the
   * provider's or model's own limits: nothing was sent then, and nothing is held.
   */
  hold(
    call: Call,
    target: PaidTarget,
    look: ChatLook,
    tariff: Tariff,
  ): AttemptHold | Promise<AttemptHold> {
    const { clock, limits, budgets, intents } = this.#deps
    const now = clock.now()
    const price = tariff.prices.priceOf(target, now)
    const own = ownScopes(call, target, tariff)
    const callers = call.principal?.scopes ?? none
    const scopes = own.length > 0 ? [...callers, ...own] : callers
    if (call.job?.step === 'run') call.release ??= this.#releaseOfRun(call, look)
    const id = `${call.id}/${++call.holds}`
    const counts = own.some((scope) => scope.limits?.tokens)
    const grant = limits.take(own, counts ? this.#mostTokens(look) : 0)
    const holdWith = (reservation: Reservation): AttemptHold => {
      const hold = new Hold(id, price, this.#ways.of(call, target, price), grant, reservation)
      if (!intents) return hold
      try {
        hold.intent = intents.open(noteOf(call, hold, target.role, look, now))
        return hold
      } catch (thrown) {
        reservation.settle(0)
        throw thrown
      }
    }
    const undo = (thrown: unknown): never => {
      grant.undo()
      throw thrown
    }
    try {
      const asked = budgets.reserve(scopes, this.#worstCost(look, scopes, price, target))
      return asked instanceof Promise ? asked.then(holdWith).catch(undo) : holdWith(asked)
    } catch (thrown) {
      return undo(thrown)
    }
  }

  /** Every attempt of a call that is over: its line in the ledger, its money, its slots. Never throws. */
  settle(call: Call): void {
    const at = this.#deps.clock.now()
    let used = 0
    for (const attempt of call.attempts) {
      const { hold, usage } = attempt
      if (usage) used += usage.inputTokens + usage.outputTokens
      if (hold) this.#settleHold(call, attempt, hold as Hold, at)
    }
    call.release?.(used)
  }

  #settleHold(call: Call, attempt: Attempt, hold: Hold, at: number): void {
    const { usage, role } = attempt
    const { costNanos, line } = entryOf(call, hold, role, usage, outcomeOf(attempt), at)
    attempt.costNanos = costNanos
    hold.settle(costNanos ?? 0, usage ? usage.inputTokens + usage.outputTokens : 0)
    // A process that is killed before the store has it leaves what is known, and no guess.
    hold.intent?.amend(line)
    this.#deps.writer.add(line, hold)
  }

  async #checkBudgets(
    scopes: readonly Scope[],
    targets: readonly PaidTarget[],
    look: ChatLook,
    tariff: Tariff,
  ): Promise<void> {
    if (scopes.every(({ budget }) => budget === null)) return
    let refused: unknown = null
    for (const target of targets)
      try {
        const price = tariff.prices.priceOf(target, this.#deps.clock.now())
        const nanos = this.#worstCost(look, scopes, price, target)
        const held = await this.#deps.budgets.reserve(scopes, nanos)
        held.settle(0)
        return
      } catch (thrown) {
        refused ??= thrown
      }
    if (refused !== null) throw refused
  }

  #worstCost(
    look: ChatLook,
    scopes: readonly Scope[],
    price: Price | null,
    { provider, model }: PaidTarget,
  ): number {
    const budgets = scopes.flatMap(({ budget }) => budget ?? [])
    if (budgets.length === 0) return 0
    if (price) return mostOf(mostTokens(promptSizeOf(look)), outputTokens(look, budgets), price)
    if (budgets.every(({ unpriced }) => unpriced === 'allow')) return 0
    throw new GatewayError(
      'model_unpriced',
      `There is no price for ${provider}/${model}, and a budget that applies refuses what it cannot count. Set one under "prices", or "unpriced: allow" in the budget.`,
      { param: 'model', dispatched: false },
    )
  }

  #mostTokens(look: ChatLook): number {
    return mostTokens(promptSizeOf(look)) + maxTokens(look, 0)
  }
}

/** What is known of an attempt before it is made. */
function noteOf(
  call: Call,
  hold: Hold,
  role: Attempt['role'],
  look: ChatLook,
  now: number,
): LedgerLine {
  const usage = {
    inputTokens: usualTokens(promptSizeOf(look)),
    outputTokens: 0,
    cachedInputTokens: 0,
    reasoningTokens: 0,
    estimated: true,
  }
  return entryOf(call, hold, role, usage, 'interrupted', now).line
}

/** Everything that is held for one attempt. */
class Hold implements AttemptHold {
  readonly id: string
  readonly price: Price | null
  readonly #grant: Grant
  readonly #reservation: Reservation
  /** Its part of the ledger's line. */
  readonly way: string
  intent: Intent | null = null

  constructor(
    id: string,
    price: Price | null,
    way: string,
    grant: Grant,
    reservation: Reservation,
  ) {
    this.id = id
    this.price = price
    this.way = way
    this.#grant = grant
    this.#reservation = reservation
  }

  get windows(): AttemptHold['windows'] {
    return this.#reservation.windows
  }

  settle(costNanos: number, tokens: number): void {
    this.#reservation.settle(costNanos)
    this.#grant.release(tokens)
  }

  drop(): void {
    this.#reservation.settle(0)
    this.#grant.undo()
    this.intent?.takeBack(noteOfNothing(this.id))
    this.close()
  }

  close(): void {
    this.#reservation.stored()
    this.intent?.close()
  }
}

function ownScopes(call: Call, target: PaidTarget, tariff: Tariff): readonly Scope[] {
  if (tariff.providers.size === 0 && tariff.models.size === 0) return none
  const { provider, model } = target
  const names = new Set([call.asked ?? '', `${provider}/${model}`])
  return [
    tariff.providers.get(provider),
    ...[...names].map((name) => tariff.models.get(name)),
  ].filter((scope) => scope !== undefined)
}
const none: readonly Scope[] = []

/** What the caller allows for all answers together, else what the most careful of the budgets assumes. */
function outputTokens(look: ChatLook, budgets: readonly Budget[]): number {
  return maxTokens(look, Math.max(...budgets.map((budget) => budget.assumeOutputTokens)))
}

/**
 * Which of the two spellings a provider heeds is its own affair, and to some of them a negative number means "without
 * end": so the larger one counts, and what limits nothing counts as not given.
 */
function maxTokens({ bytes, fields, choices }: ChatLook, otherwise: number): number {
  const given = ['max_completion_tokens', 'max_tokens'].flatMap((name) => {
    const field = fields.get(name)
    const value = field && readField(bytes, field)
    return typeof value === 'number' ? [value] : []
  })
  const isLimited = given.length > 0 && given.every((value) => value > 0)
  return Math.max(...given, isLimited ? 1 : otherwise) * choices
}
