import type { Call } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import type { Principal } from '../core/principal.ts'
import type { Route } from '../core/route.ts'
import type { Runtime } from '../core/runtime.ts'
import { chooseTarget } from '../routing/plan.ts'
import { isAllowed, resolveDeployment, resolveModel } from '../routing/resolve.ts'
import type { ChatLook } from '../wire/openai-chat/look.ts'
import {
  type Answer,
  type JobRun,
  prepareTarget,
  type ReadyTarget,
  runAttempts,
  UsageRefusals,
} from './attempts.ts'
import type { Snapshot } from './snapshot.ts'
import type { CallerExtras } from './upstream-request.ts'

/** The story of a call: whom it may reach, where it goes, what comes back. Settling it is `settle`'s. */
export class Gateway {
  #snapshot: Snapshot
  readonly #runtime: Runtime
  readonly #refusals = new UsageRefusals()

  constructor(snapshot: Snapshot, runtime: Runtime) {
    this.#snapshot = snapshot
    this.#runtime = runtime
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  /** Calls under way go on with what they began with. */
  swap(snapshot: Snapshot): void {
    this.#snapshot = snapshot
  }

  /**
   * What a call may reach, and would: everything that can be refused before a provider is asked. Throws 400, 403, 404.
   * `deployment` is the path's where the address is Azure's; it beats the body's model.
   */
  admit(
    principal: Principal,
    look: ChatLook,
    deployment: string | null,
    extras: CallerExtras,
  ): ReadyTarget {
    const { names } = this.#snapshot
    const asked = deployment ?? look.model ?? ''
    const route = deployment === null ? resolveModel(asked, names) : resolveDeployment(asked, names)
    admitModel(principal, asked, route)
    for (const name of look.fallbacks) admitModel(principal, name, resolveModel(name, names))
    const target = chooseTarget(route, this.#runtime.random)
    return prepareTarget(target, extras, this.#snapshot, this.#runtime)
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
    const snapshot = this.#snapshot
    call.asked = deployment ?? look.model ?? ''
    call.stream = look.stream
    const target = this.admit(principal, look, deployment, extras)
    const context = { call, look, extras, signal, run }
    return await runAttempts(context, target, snapshot, this.#runtime, this.#refusals)
  }
}

function admitModel({ name, models }: Principal, asked: string, route: Route): void {
  if (isAllowed(models, asked, route)) return
  const may = (models ?? []).slice(0, 10).join(', ')
  throw new GatewayError(
    'model_not_allowed',
    `The key "${name}" may not use ${route.name}. It may use: ${may}. Ask the gateway's admin to add the model to the key.`,
    { param: 'model' },
  )
}
