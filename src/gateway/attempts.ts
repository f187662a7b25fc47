import type { ProviderKeyConfig } from '../config/config.ts'
import { GatewayError } from '../core/errors.ts'
import type { Target } from '../core/route.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Health, Way } from '../routing/health.ts'
import type { Chance, PlannedTarget } from '../routing/plan.ts'
import { type Load, mayRepeat } from '../routing/retry-budget.ts'
import { type RetryRule, ruleFor } from '../routing/retry-rule.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import { hasNewCredential } from './add-credential.ts'
import { type Answer, type AttemptContext, attempt, type UsageRefusals } from './attempt.ts'
import type { Bookkeeper } from './bookkeeper.ts'
import type { Memory } from './call-images.ts'
import { CallTime } from './call-time.ts'
import { type ChosenKey, chooseKey } from './choose-key.ts'
import { named } from './conceal.ts'
import { prepareTarget, type ReadyTarget } from './ready-target.ts'
import type { Provider, Snapshot } from './snapshot.ts'
import type { Translator } from './translator.ts'

/** What the attempts of all calls share. */
export interface Resilience {
  readonly runtime: Runtime
  readonly health: Health
  readonly refusals: UsageRefusals
  readonly books: Bookkeeper
  readonly memory: Memory
  readonly translator: Translator
  /** Of the whole process; each provider has its own besides. */
  readonly load: Load
}

/** Another attempt of the same call that may be under way at the same time. */
export interface Beside {
  /** Resolves once there is none, or it is over; where it answered, the signal of this one is aborted first. */
  over(): Promise<void>
}

const attemptsAtMost = 6
const none: ReadonlySet<string> = new Set()

/**
 * The only place that tries again. Resolves with the whole reply, or once a stream's first real event is in hand; from
 * there on nothing is repeated. Rejects with the last error, made fit for the caller. With `context.hedge` one way is
 * asked once; `beside` is what a failure waits for.
 */
export function runAttempts(
  context: AttemptContext,
  plan: readonly PlannedTarget[],
  chance: Chance,
  snapshot: Snapshot,
  shared: Resilience,
  beside: Beside | null = null,
): Promise<Answer> {
  return new AttemptLoop(context, plan, chance, snapshot, shared, beside).run()
}

class AttemptLoop {
  readonly #context: AttemptContext
  readonly #plan: readonly PlannedTarget[]
  readonly #chance: Chance
  readonly #snapshot: Snapshot
  readonly #shared: Resilience
  readonly #beside: Beside | null
  readonly #time: CallTime
  /** Targets that have not been asked. */
  #left = 0
  /** Of the target that is asked. */
  #fallback = 0
  #last: GatewayError | null = null

  constructor(
    context: AttemptContext,
    plan: readonly PlannedTarget[],
    chance: Chance,
    snapshot: Snapshot,
    shared: Resilience,
    beside: Beside | null,
  ) {
    this.#context = context
    this.#plan = plan
    this.#chance = chance
    this.#snapshot = snapshot
    this.#shared = shared
    this.#beside = beside
    const { call, look, run } = context
    const kind = run ? 'job' : look.stream ? 'stream' : 'plain'
    this.#time = new CallTime(shared.runtime.clock, call.startedMs, kind)
  }

  async run(): Promise<Answer> {
    this.#left = this.#plan.length
    for (const planned of this.#plan) {
      this.#left--
      const answer = await this.#askTarget(planned)
      if (answer) return answer
    }
    throw this.#final()
  }

  /** Null: the next target may be asked. */
  async #askTarget({ target, fallback }: PlannedTarget): Promise<Answer | null> {
    const ready = this.#prepare(target)
    if (!ready) return null
    const { provider } = ready
    let tried = this.#triedBeside(ready)
    let granted = this.#context.hedge
    for (;;) {
      if (this.#time.leftMs(provider.config.timeouts) <= 0) {
        if (this.#last?.code !== 'upstream_timeout')
          this.#last = this.#time.over(provider.config.timeouts)
        return null
      }
      const chosen = this.#choose(ready, tried)
      if (chosen.kind === 'none') return null
      if (chosen.kind === 'cooling') {
        if (await this.#sitOut(chosen.leftMs, provider)) continue
        this.#noteCooling(provider, chosen.leftMs)
        return null
      }
      this.#fallback = fallback
      tried = new Set([...tried, chosen.key?.name ?? ''])
      const afterThis = tried
      const isLastWay = (): boolean =>
        this.#left === 0 && this.#choose(ready, afterThis).kind === 'none'
      if (granted) this.#grant(provider)
      const outcome = await this.#askKey(ready, chosen.key, { isLastWay, granted })
      if ('kind' in outcome) return outcome
      if (!outcome.otherKey || !this.#hasRoom() || this.#context.hedge) return null
      // A provider in trouble is not asked more often for having many keys; a key that rests costs it nothing.
      granted = outcome.says === 'failure'
      if (granted && !this.#mayRepeat(provider)) return null
    }
  }

  #choose({ provider, model, keys }: ReadyTarget, tried: ReadonlySet<string>): ChosenKey {
    const nowMs = this.#shared.runtime.clock.monotonic()
    return chooseKey({ provider, model, keys, tried, nowMs }, this.#shared.health, this.#chance)
  }

  /** The keys of a target by which the other of two attempts under way has asked it. */
  #triedBeside({ provider, model }: ReadyTarget): ReadonlySet<string> {
    const { call, hedge } = this.#context
    if (!hedge && !this.#beside) return none
    const others = call.attempts.filter(
      (each) =>
        (each.role === 'hedge') !== hedge &&
        each.provider === provider.name &&
        each.model === model,
    )
    return new Set(others.map(({ key }) => key ?? ''))
  }

  /** A job waits for a provider's pause to end, where nobody else is left. False: it does not. */
  async #sitOut(leftMs: number, provider: Provider): Promise<boolean> {
    if (this.#context.run === null || this.#left > 0) return false
    if (this.#time.bearable(leftMs, provider.config.timeouts) === null) return false
    await this.#time.wait(leftMs, this.#context.signal)
    return true
  }

  /** Who was asked and failed is the truer reason than who could not be told or paid. */
  #note(error: GatewayError, { nextTarget }: RetryRule): void {
    const couldNotAsk = nextTarget && !error.code.startsWith('upstream_')
    if (!couldNotAsk || !this.#last?.code.startsWith('upstream_')) this.#last = error
  }

  /** Who was asked and failed is the truer reason than who was not; of several pauses the shortest is. */
  #noteCooling(provider: Provider, leftMs: number): void {
    const known = this.#last
    const isNews =
      known?.code === 'upstream_rate_limited'
        ? leftMs < (known.facts.retryAfterMs ?? 0)
        : this.#context.call.attempts.length === 0
    if (isNews) this.#last = cooling(provider, leftMs)
  }

  /** A target that cannot be asked is passed over where another follows. */
  #prepare(target: Target): ReadyTarget | null {
    try {
      return prepareTarget(target, this.#context.extras, this.#snapshot)
    } catch (thrown) {
      if (this.#left === 0 && this.#last === null) throw thrown
      this.#last ??= GatewayError.from(thrown)
      return null
    }
  }

  /** The answer, or the rule of the failure that ended the tries with this key. Throws where nothing may follow. */
  async #askKey(
    ready: ReadyTarget,
    key: ProviderKeyConfig | null,
    { isLastWay, granted: first }: { isLastWay(): boolean; readonly granted: boolean },
  ): Promise<Answer | RetryRule> {
    const { provider, model } = ready
    const { call, signal } = this.#context
    const way: Way = {
      ...{ provider: provider.name, model, key: key?.name ?? null },
      quotaGroup: key?.quotaGroup ?? '',
    }
    let [fresh, repeats, granted] = [false, 0, first]
    for (;;) {
      const sinceMs = this.#shared.health.begin(way)
      try {
        const answer = await this.#once(ready, key, { fresh, granted })
        return this.#watched(answer, way, sinceMs)
      } catch (thrown) {
        const error = GatewayError.from(thrown)
        if (signal.aborted) {
          this.#shared.health.unknown(way, sinceMs)
          throw named(error, provider, key)
        }
        const rule = ruleFor(error)
        this.#learn(way, sinceMs, rule, error, provider)
        this.#note(named(error, provider, key), rule)
        await this.#awaitOther()
        const waitMs = this.#waitBefore(rule, error, { provider, repeats, fresh, isLastWay })
        if (call.attempts.length >= attemptsAtMost) throw this.#final()
        if (waitMs === null) {
          if (!rule.otherKey && !rule.nextTarget) throw this.#final()
          return rule
        }
        granted = rule.same !== 'fresh'
        if (granted) repeats++
        else fresh = true
        if (granted) this.#grant(provider)
        if (waitMs > 0) await this.#sleep(waitMs, provider)
        if (granted && this.#time.leftMs(provider.config.timeouts) <= 0) {
          this.#count(provider, 'repeats', -1)
          return rule
        }
      }
    }
  }

  /** Asks once. `granted`: it counts as a repeat already, until it is over. */
  async #once(
    { provider, asked, model }: ReadyTarget,
    key: ProviderKeyConfig | null,
    { fresh, granted }: { readonly fresh: boolean; readonly granted: boolean },
  ): Promise<Answer> {
    const { runtime, refusals, books, memory, translator } = this.#shared
    const kind = granted ? 'repeats' : 'first'
    if (!granted) this.#count(provider, kind, 1)
    const { config, tariff } = this.#snapshot
    const { maxReplyBytes } = config.server
    const rules = { maxReplyBytes, refusals, runtime, books, memory, translator, tariff }
    const target = { provider, asked, model, key, fresh, fallback: this.#fallback }
    try {
      return await attempt(this.#context, target, rules)
    } catch (thrown) {
      // A second time only what the first one taught: without the field the provider does not know, or with a new token.
      const usage = refusesUsage(thrown, this.#context.look) && !refusals.has(provider, model)
      if (usage) refusals.note(provider, model)
      else if (!hasNewCredential(thrown, provider, key)) throw thrown
      if (this.#context.call.attempts.length >= attemptsAtMost) throw thrown
      return await attempt(this.#context, target, rules)
    } finally {
      this.#count(provider, kind, -1)
    }
  }

  #grant(provider: Provider): void {
    this.#count(provider, 'repeats', 1)
  }

  #count(provider: Provider, kind: keyof Load, by: 1 | -1): void {
    this.#shared.load[kind] += by
    provider.load[kind] += by
  }

  /** Whether one more attempt leaves one for each target that has had none. */
  #hasRoom(): boolean {
    return this.#context.call.attempts.length + this.#left < attemptsAtMost
  }

  /** Milliseconds to wait before the same is asked again; null: it is not. */
  #waitBefore(
    rule: RetryRule,
    { facts: { retryAfterMs } }: GatewayError,
    tried: {
      readonly provider: Provider
      readonly repeats: number
      readonly fresh: boolean
      isLastWay(): boolean
    },
  ): number | null {
    const { retries, timeouts } = tried.provider.config
    if (rule.same === 'never' || !this.#hasRoom()) return null
    if (this.#time.leftMs(timeouts) <= 0) return null
    if (rule.same === 'fresh') return tried.fresh ? null : 0
    if (this.#context.hedge) return null
    if (tried.repeats >= retries.max || !this.#mayRepeat(tried.provider)) return null
    if (rule.same === 'once') return tried.repeats === 0 ? 0 : null
    if (rule.same === 'soon') {
      const isSoon = retryAfterMs !== undefined && this.#time.isSoon(retryAfterMs)
      return isSoon && tried.isLastWay() ? this.#time.bearable(retryAfterMs, timeouts) : null
    }
    const most = Math.min(retries.capMs, retries.baseMs * 2 ** tried.repeats)
    const drawn = Math.round(this.#shared.runtime.random() * most)
    return this.#time.bearable(Math.max(drawn, retryAfterMs ?? 0), timeouts)
  }

  /** One of two that are under way fails: what follows depends on the other. */
  async #awaitOther(): Promise<void> {
    if (!this.#beside) return
    const { signal } = this.#context
    await this.#beside.over()
    if (signal.aborted) throw signal.reason
  }

  /** Before a repeat that was granted. */
  async #sleep(waitMs: number, provider: Provider): Promise<void> {
    try {
      await this.#time.wait(waitMs, this.#context.signal)
    } catch (thrown) {
      // The caller left: what was granted is not used.
      this.#count(provider, 'repeats', -1)
      throw thrown
    }
  }

  #mayRepeat(provider: Provider): boolean {
    return mayRepeat(this.#shared.load) && mayRepeat(provider.load)
  }

  #learn(
    way: Way,
    sinceMs: number,
    { says }: RetryRule,
    { code, facts }: GatewayError,
    { config }: Provider,
  ): void {
    const { health } = this.#shared
    const isOurs = code === 'upstream_timeout' && this.#time.isCurtailed(config.timeouts, sinceMs)
    if (isOurs) health.unknown(way, sinceMs)
    else if (says === 'failure') health.failed(way, sinceMs)
    else if (says === 'cool') health.limited(way, sinceMs, facts.retryAfterMs)
    else if (says === 'rest') health.refused(way, sinceMs)
    else health.unknown(way, sinceMs)
  }

  /** How a stream ends is learnt long after it was handed over. */
  #watched(answer: Answer, way: Way, sinceMs: number): Answer {
    const { health, runtime } = this.#shared
    const { call, hedge } = this.#context
    const last = call.attempts.findLast(({ role }) => (role === 'hedge') === hedge)
    // Where there is no choice, nobody asks who is quicker.
    if (last && (hedge || this.#plan.length > 1))
      health.took(way, runtime.clock.monotonic() - last.startedMs)
    if (answer.kind !== 'stream') {
      health.succeeded(way, sinceMs)
      return answer
    }
    const onEnd = (error: GatewayError | null): void => {
      if (error === null) health.succeeded(way, sinceMs)
      else if (ruleFor(error).says === 'failure') health.failed(way, sinceMs)
      else health.unknown(way, sinceMs)
    }
    return { ...answer, onEnd }
  }

  #final(): GatewayError {
    const error =
      this.#last ?? new GatewayError('no_healthy_upstream', 'There is nobody left to ask')
    if (this.#context.call.attempts.length < 2) return error
    return new GatewayError(error.code, error.message, { ...error.facts, retried: true })
  }
}

/**
 * A provider that does not know `stream_options` says so, by name, with a 400 (or 422). Where the caller put more
 * into it than `include_usage`, that may be what is refused, and is the caller's to know.
 */
function refusesUsage(thrown: unknown, look: ChatLook): boolean {
  if (!(thrown instanceof GatewayError)) return false
  const { code, message, facts } = thrown
  return (
    look.stream &&
    look.plainStreamOptions &&
    code === 'upstream_rejected' &&
    (facts.upstreamStatus === 400 || facts.upstreamStatus === 422) &&
    /stream_options|include_usage/.test(`${message} ${facts.param ?? ''}`)
  )
}

const cooling = ({ name }: Provider, leftMs: number): GatewayError =>
  new GatewayError(
    'upstream_rate_limited',
    `Provider "${name}" has asked for a pause with every key that could be used`,
    { retryAfterMs: leftMs, dispatched: false },
  )
