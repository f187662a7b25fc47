import type { Call } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import type { Principal, VirtualKey } from '../core/principal.ts'
import type { HedgeRule, Route, Target } from '../core/route.ts'
import type { Runtime } from '../core/runtime.ts'
import { seeRequest } from '../observability/request-traits.ts'
import { chanceFor } from '../routing/chance.ts'
import { Health } from '../routing/health.ts'
import { HedgeBook } from '../routing/hedge-book.ts'
import { type Chance, type PlannedTarget, planTargets, type TargetHealth } from '../routing/plan.ts'
import { isAllowed, resolveDeployment, resolveModel } from '../routing/resolve.ts'
import { newLoad } from '../routing/retry-budget.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import { type Answer, type JobRun, UsageRefusals } from './attempt.ts'
import { type Resilience, runAttempts } from './attempts.ts'
import type { Bookkeeper, PaidTarget } from './bookkeeper.ts'
import type { Memory } from './call-images.ts'
import { type Candidate, explainPlan, type KeyStanding, keyStandings } from './explain.ts'
import { explainHedge, type HedgeOutlook } from './explain-hedge.ts'
import { type Hedging, runHedged } from './hedge.ts'
import { checkSayable } from './prepare-request.ts'
import { prepareTarget, type ReadyTarget } from './ready-target.ts'
import { tryToPrepare } from './second-way.ts'
import { keysFor, type Snapshot, scopesIn } from './snapshot.ts'
import type { Translator } from './translator.ts'
import type { CallerExtras } from './upstream-request.ts'

/** Where a call goes, first to last, and the chance it was drawn by. */
interface CallPlan {
  readonly route: Route
  readonly targets: readonly PlannedTarget[]
  readonly chance: Chance
}

export interface GatewayDeps {
  readonly runtime: Runtime
  readonly books: Bookkeeper
  readonly memory: Memory
  readonly translator: Translator
  /** How much the process has to bear; above 0 no call is asked twice at once. */
  readonly strain: { readonly level: number }
}

/** The story of a call: whom it may reach, where it goes, what comes back. Settling it is `settle`'s. */
export class Gateway {
  #snapshot: Snapshot
  readonly #shared: Resilience
  readonly #book = new HedgeBook()
  readonly #strain: { readonly level: number }

  constructor(snapshot: Snapshot, { strain, ...shared }: GatewayDeps) {
    this.#strain = strain
    this.#snapshot = snapshot
    const { clock, random } = shared.runtime
    const refusals = new UsageRefusals()
    this.#shared = { ...shared, health: new Health(clock, random), refusals, load: newLoad() }
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  get health(): Health {
    return this.#shared.health
  }

  /** Calls under way go on with what they began with. */
  swap(snapshot: Snapshot): void {
    const isSameConfig = snapshot.providers === this.#snapshot.providers
    this.#snapshot = snapshot
    if (!isSameConfig) this.#shared.health.reconfigured()
    this.#shared.books.limits.keep(scopesIn(snapshot))
    const routes = [...snapshot.names.publicNames.values()]
    this.#book.keepOnly(new Set(routes.flatMap(({ name, hedge }) => (hedge ? [name] : []))))
  }

  /**
   * Everything a call can be refused for before a provider is asked. Rejects with 400, 402, 403, 404, 429. `deployment` is the path's
   * where the address is Azure's; it beats the body's model.
   */
  async admit(
    principal: Principal,
    look: ChatLook,
    deployment: string | null,
    extras: CallerExtras,
  ): Promise<void> {
    const snapshot = this.#snapshot
    const { targets } = this.#planCall(principal, look, deployment, extras)
    const choice = choiceOf(extras, principal)
    const ready = targets.flatMap((planned) => {
      // Where nobody else could answer, what speaks against the only one is said at once.
      if (targets.length === 1) return [prepareTarget(planned.target, choice, snapshot)]
      return tryToPrepare(planned, choice, snapshot) ?? []
    })
    const [only] = ready
    if (only && ready.length === 1) await checkSayable(only, look, this.#shared.translator)
    await this.#shared.books.enterLater(principal, ready.map(paidTarget), look, snapshot.tariff)
  }

  /** `run` is given where the call is a job's. */
  async chat(
    call: Call,
    principal: Principal,
    look: ChatLook,
    deployment: string | null,
    extras: CallerExtras,
    signal: AbortSignal,
    run: JobRun | null = null,
  ): Promise<Answer> {
    call.asked = deployment ?? look.model ?? ''
    call.stream = look.stream
    const { route, targets, chance } = this.#planCall(principal, look, deployment, extras)
    // A job was counted when it was handed in.
    if (run === null) this.#shared.books.enter(call, principal, look)
    if (call.trace) seeRequest(call.trace, look, extras.session)
    const choice = choiceOf(extras, principal)
    const context = { call, look, extras: choice, signal, run, hedge: false }
    if (route.hedge === null || run !== null)
      return await runAttempts(context, targets, chance, this.#snapshot, this.#shared)
    const hedging = this.#hedgingOf(route.name, route.hedge)
    return await runHedged(context, targets, chance, this.#snapshot, this.#shared, hedging)
  }

  /** What a call would do, without making it. Throws `model_not_found`, and `invalid_request` for an unknown key. */
  explain({ model, fallbacks, virtualKey, session }: Explained): Explanation {
    const { names, door } = this.#snapshot
    const { health, runtime } = this.#shared
    const key = virtualKey === null ? null : door.keys.named(virtualKey)
    if (virtualKey !== null && !key)
      throw new GatewayError('invalid_request', `There is no virtual key "${virtualKey}"`, {
        param: 'virtual_key',
      })
    const route = resolveModel(model, names)
    const others = fallbacks.map((name) => resolveModel(name, names))
    const routes = routesOf(route, others)
    const chance = chanceFor(session, runtime.random)
    const plan = this.#plan(routes, chance)
    const asked = [model, ...fallbacks].map((name, at) => ({
      name,
      to: at ? others[at - 1] : route,
    }))
    const barred = key && whyBarred(key, asked, runtime.clock.now())
    const question = { routes, plan, barred }
    const candidates = explainPlan(question, this.#snapshot, health, runtime.clock)
    const hedging = route.hedge && this.#hedgingOf(route.name, route.hedge)
    const hedge =
      hedging && explainHedge({ hedging, plan, chance, barred }, this.#snapshot, this.#shared)
    return { route: route.name, candidates, hedge }
  }

  /** How every key stands with the models it is known to serve, and with those that failed of late. */
  targetHealth(): readonly TargetStanding[] {
    const { health, runtime } = this.#shared
    const failed = health.ways()
    return [...this.#snapshot.providers.values()].flatMap((provider) => {
      const listed = this.#snapshot.names.providers.get(provider.name)?.listed ?? []
      const troubled = failed.filter((way) => way.provider === provider.name)
      const models = new Set([
        ...listed.filter((model) => !model.includes('*')),
        ...troubled.map(({ model }) => model),
      ])
      if (models.size === 0) models.add('*')
      return [...models].map((model) => ({
        provider: provider.name,
        model,
        keys: keyStandings(provider, model, health, runtime.clock),
      }))
    })
  }

  #planCall(
    principal: Principal,
    look: ChatLook,
    deployment: string | null,
    { session }: CallerExtras,
  ): CallPlan {
    const { names } = this.#snapshot
    const asked = deployment ?? look.model ?? ''
    const route = deployment === null ? resolveModel(asked, names) : resolveDeployment(asked, names)
    admitModel(principal, asked, route)
    const others = look.fallbacks.map((name) => {
      const found = resolveModel(name, names)
      admitModel(principal, name, found)
      return found
    })
    const chance = chanceFor(session, this.#shared.runtime.random)
    const targets = this.#plan(routesOf(route, others), chance)
    return { route, targets: servedBy(principal, targets, route), chance }
  }

  #hedgingOf(route: string, rule: HedgeRule): Hedging {
    return { rule, known: this.#book.of(route), strain: this.#strain }
  }

  #plan(routes: readonly Route[], chance: Chance): readonly PlannedTarget[] {
    const { providers } = this.#snapshot
    const { health } = this.#shared
    return planTargets(routes, (target) => healthOf(target, providers, health), chance)
  }
}

export interface Explained {
  readonly model: string
  readonly fallbacks: readonly string[]
  /** The name of the one whose rights count; null: nobody's in particular. */
  readonly virtualKey: string | null
  readonly session: string | null
}

export interface Explanation {
  readonly route: string
  readonly candidates: readonly Candidate[]
  /** Null: the route asks one way at a time. */
  readonly hedge: HedgeOutlook | null
}

export interface TargetStanding {
  readonly provider: string
  /** `*` where nothing is known of its models. */
  readonly model: string
  readonly keys: readonly KeyStanding[]
}

/** One name that a key may not use bars the whole call, also where it is a fallback. */
function whyBarred(
  { name: key, enabled, expiresAt, principal }: VirtualKey,
  asked: readonly { readonly name: string; readonly to: Route | undefined }[],
  now: number,
): string | null {
  if (!enabled) return `the key "${key}" is disabled`
  if (expiresAt !== null && expiresAt <= now) return `the key "${key}" has expired`
  const barred = asked.find(({ name, to }) => to && !isAllowed(principal.models, name, to))
  return barred ? `the key "${key}" may not use "${barred.name}"` : null
}

/** The caller's own fallbacks come before those of the configuration. */
const routesOf = (route: Route, others: readonly Route[]): readonly Route[] =>
  others.length === 0 && route.fallbacks.length === 0
    ? [route]
    : [route, ...others.flatMap((each) => [each, ...each.fallbacks]), ...route.fallbacks]

function healthOf(
  { provider: name, model }: Target,
  providers: Snapshot['providers'],
  health: Health,
): TargetHealth {
  const provider = providers.get(name)
  const keys = provider ? keysFor(provider, model) : null
  return health.target(name, provider?.config.deployments?.get(model) ?? model, keys)
}

/** Only providers that the key may be served by, also as fallbacks: its data goes nowhere else. */
function servedBy(
  { name, providers }: Principal,
  targets: readonly PlannedTarget[],
  route: Route,
): readonly PlannedTarget[] {
  if (providers === null) return targets
  const served = targets.filter(({ target }) => providers.includes(target.provider))
  if (served.length > 0) return served
  throw new GatewayError(
    'model_not_allowed',
    `The key "${name}" may not be served by any provider of ${route.name}. It may be by: ${providers.slice(0, 10).join(', ')}.`,
    { param: 'model' },
  )
}

function choiceOf(extras: CallerExtras, { providerKeys }: Principal): CallerExtras {
  return providerKeys === null ? extras : { ...extras, allowedKeys: providerKeys }
}

const paidTarget = ({ provider, asked, model }: ReadyTarget): PaidTarget => ({
  provider: provider.name,
  type: provider.config.type,
  model: asked,
  upstreamModel: model,
  key: null,
  role: 'first',
})

function admitModel({ name, models }: Principal, asked: string, route: Route): void {
  if (isAllowed(models, asked, route)) return
  const may = (models ?? []).slice(0, 10).join(', ')
  throw new GatewayError(
    'model_not_allowed',
    `The key "${name}" may not use ${route.name}. It may use: ${may}. Ask the gateway's admin to add the model to the key.`,
    { param: 'model' },
  )
}
