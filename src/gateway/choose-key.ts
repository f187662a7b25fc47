import type { ProviderKeyConfig } from '../config/config.ts'
import { GatewayError } from '../core/errors.ts'
import type { Breaker } from '../routing/breaker.ts'
import type { Health } from '../routing/health.ts'
import type { Resting } from '../routing/key-rest.ts'
import type { Chance } from '../routing/plan.ts'
import { keysFor, type Provider } from './snapshot.ts'

/** Which key of a target is used next. `name` null and `value` null: it takes calls without one. */
export type ChosenKey =
  | { readonly kind: 'key'; readonly key: ProviderKeyConfig | null }
  /** Each was tried already, or rests. */
  | { readonly kind: 'none' }
  /** The provider has asked for a pause with every one of them. */
  | { readonly kind: 'cooling'; readonly leftMs: number }

/** The keys of a target that a call may use. Throws `invalid_request` and `model_not_found` where there is none. */
export function usableKeys(
  provider: Provider,
  model: string,
  {
    pinnedKey: pinned,
    allowedKeys,
  }: { readonly pinnedKey: string | null; readonly allowedKeys?: readonly string[] },
): readonly ProviderKeyConfig[] | null {
  const all = keysFor(provider, model)
  const keys =
    all && allowedKeys
      ? all.filter(({ name }) => allowedKeys.includes(`${provider.name}/${name}`))
      : all
  if (pinned !== null) {
    const key = keys?.find(({ name }) => name === pinned)
    if (key) return [key]
    throw new GatewayError(
      'invalid_request',
      `Provider "${provider.name}" has no key of the name in x-bf-api-key that serves "${model}"`,
      { param: 'x-bf-api-key' },
    )
  }
  if (keys?.length === 0)
    throw new GatewayError(
      'model_not_found',
      `No key of provider "${provider.name}"${allowedKeys ? ' that this virtual key may be served with' : ''} serves the model "${model}"`,
      { param: 'model' },
    )
  return keys
}

export interface KeyQuestion {
  readonly provider: Provider
  /** The model's name on the provider's side. */
  readonly model: string
  readonly keys: readonly ProviderKeyConfig[] | null
  /** Names of those this call has used up. */
  readonly tried: ReadonlySet<string>
  readonly nowMs: number
}

/**
 * A key that is well, by weight. Setting keys aside never leaves a provider without one: where all rest, the first to
 * come back is used, unless the provider itself said how long to wait with each.
 */
export function chooseKey(question: KeyQuestion, health: Health, chance: Chance): ChosenKey {
  const { provider, keys, tried, nowMs } = question
  const rests = health.rests(provider.name)
  const only = keys === null ? null : keys.length === 1 ? keys[0] : undefined
  // Nearly every call: one key, or none, and nothing known against it.
  if (only !== undefined && rests === null)
    return tried.has(nameOf(only)) ? { kind: 'none' } : { kind: 'key', key: only }
  const open: { readonly key: ProviderKeyConfig | null; readonly resting: Resting | null }[] = []
  for (const key of keys ?? [null])
    if (!tried.has(nameOf(key)))
      open.push({ key, resting: rests?.of(nameOf(key), groupOf(key), nowMs) ?? null })
  const ready = open.filter(({ resting }) => resting === null)
  if (ready.length > 0)
    return {
      kind: 'key',
      key: pick(
        ready.map(({ key }) => key),
        question,
        health,
        chance,
      ),
    }
  // With one that was well the call has been tried; those that rest are not woken for it.
  if (open.length === 0 || tried.size > 0) return { kind: 'none' }
  const [first] = open.toSorted((a, b) => untilOf(a.resting) - untilOf(b.resting))
  if (open.every(({ resting }) => resting?.explicit))
    return { kind: 'cooling', leftMs: untilOf(first?.resting ?? null) - nowMs }
  const [soonest] = open
    .filter(({ resting }) => !resting?.explicit)
    .toSorted((a, b) => untilOf(a.resting) - untilOf(b.resting))
  return { kind: 'key', key: soonest?.key ?? null }
}

function pick(
  keys: readonly (ProviderKeyConfig | null)[],
  { provider, model, nowMs }: KeyQuestion,
  health: Health,
  chance: Chance,
): ProviderKeyConfig | null {
  const [first] = keys
  if (keys.length === 1 || first === undefined) return first ?? null
  const known = keys.map((key) => ({
    key,
    breaker: health.breaker({ provider: provider.name, model, key: nameOf(key) }),
  }))
  const well = known.filter(({ breaker }) => breaker?.admits(nowMs) ?? true)
  // With more than half of them ejected it is rather the provider than its keys.
  const pool = well.length * 2 >= known.length ? well : known
  const drawn = pool
    .map(({ key, breaker }) => ({ key, waits: waitOf(key, breaker, nowMs, chance) }))
    .toSorted((a, b) => a.waits - b.waits)
  return drawn[0]?.key ?? null
}

/** The heavier, the shorter: the one that waits least is drawn. */
function waitOf(
  key: ProviderKeyConfig | null,
  breaker: Breaker | null,
  nowMs: number,
  chance: Chance,
): number {
  const weight = (key?.weight ?? 1) * (breaker?.share(nowMs) ?? 1)
  // One that weighs nothing is for when no other is left.
  return weight === 0 ? Number.POSITIVE_INFINITY : -Math.log(1 - chance(nameOf(key))) / weight
}

const nameOf = (key: ProviderKeyConfig | null | undefined): string => key?.name ?? ''
const groupOf = (key: ProviderKeyConfig | null): string => key?.quotaGroup ?? ''
const untilOf = (resting: Resting | null): number => resting?.untilMs ?? 0
