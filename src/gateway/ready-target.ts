import type { ProviderKeyConfig } from '../config/config.ts'
import { GatewayError } from '../core/errors.ts'
import type { Target } from '../core/route.ts'
import { usableKeys } from './choose-key.ts'
import { type Provider, type Snapshot, upstreamName } from './snapshot.ts'
import type { CallerExtras } from './upstream-request.ts'

/** A target with all it takes to ask it. */
export interface ReadyTarget {
  readonly provider: Provider
  /** Null: it takes calls without one. */
  readonly keys: readonly ProviderKeyConfig[] | null
  /** The model as it was asked for, and its name on the provider's side. */
  readonly asked: string
  readonly model: string
}

/** Which of a provider's keys may be used. */
export type KeyChoice = Pick<CallerExtras, 'pinnedKey' | 'allowedKeys'>

/** Throws `model_not_found` and `invalid_request` for what the target cannot be asked. */
export function prepareTarget(target: Target, choice: KeyChoice, snapshot: Snapshot): ReadyTarget {
  const provider = snapshot.providers.get(target.provider)
  if (!provider)
    throw new GatewayError('no_healthy_upstream', `Provider "${target.provider}" is gone`)
  const keys = usableKeys(provider, target.model, choice)
  return { provider, keys, asked: target.model, model: upstreamName(provider, target.model) }
}
