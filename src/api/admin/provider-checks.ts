import { compileStored, compileStoredKey, type StoredProblem } from '../../config/compile-stored.ts'
import type { ProviderConfig } from '../../config/config.ts'
import { isLoopback } from '../../config/proxy.ts'
import { isRecord, showPath } from '../../config/schema-node.ts'
import { GatewayError } from '../../core/errors.ts'
import { openKey } from '../../governance/sealed-settings.ts'
import type { Sealer } from '../../governance/sealer.ts'
import type { StoredProviderKey } from '../../store/access-store.ts'
import { reachOf } from '../../transport/egress-guard.ts'
import { invalid } from './check-fields.ts'
import type { ProviderDesk } from './provider-desk.ts'
import { maskSetting } from './provider-resource.ts'

type Words = Readonly<Record<string, unknown>>

/** Settings with a change merged in: null takes away, and a secret as it was shown stays what it is. */
export function mergeSettings(before: Words, change: Words, path: readonly string[] = []): Words {
  const merged = new Map(Object.entries(before))
  for (const [name, value] of Object.entries(change)) {
    const [at, known] = [[...path, name], merged.get(name)]
    if (value === null) merged.delete(name)
    else if (isRecord(value))
      merged.set(name, mergeSettings(isRecord(known) ? known : {}, value, at))
    else if (typeof known !== 'string' || value !== maskSetting(at, known)) merged.set(name, value)
  }
  return Object.fromEntries(merged)
}

/** Throws `invalid_request` for a provider that could not be in force, with the place below `settings`. */
export function checkProvider(name: string, settings: Words, { context }: ProviderDesk): void {
  if (settings['keys'] !== undefined)
    throw invalid('settings.keys', `Keys are made at /api/providers/${name}/keys`)
  if (settings['sealed'] !== undefined) throw invalid('settings.sealed', 'There is no such setting')
  const { problems, provider } = compileStored({ name, settings, keys: [] }, context)
  const [first] = problems
  if (first) throw invalid(join('settings', first.param), told(problems))
  if (provider) checkReach(provider)
}

const join = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join('.')

const told = (problems: readonly StoredProblem[]): string =>
  problems.map(({ message }) => message).join(' ')

/** What an address alone tells; where a name leads is seen when it is connected to. */
function checkReach({ baseUrl, proxy, reach }: ProviderConfig): void {
  for (const [setting, url] of [
    ['base_url', baseUrl],
    ['proxy', proxy],
  ] as const) {
    const host = (url ? (URL.parse(url)?.hostname ?? '') : '').replace(/^\[|\]$|\.$/g, '')
    if (host === '') continue
    const isAddress = /^[0-9.]+$|:/.test(host)
    const leads = isAddress ? reachOf(host) : isLoopback(host) ? 'private' : 'public'
    if (leads === 'never')
      throw invalid(
        `settings.${setting}`,
        `"${setting}" leads to an address that is never connected to`,
      )
    // The environment's proxy is its own affair.
    if (leads === 'private' && reach === 'public' && setting === 'base_url')
      throw invalid(
        `settings.${setting}`,
        `"${setting}" leads into the private network: that needs "allow_private_network": true`,
      )
  }
}

const destinations = ['type', 'base_url', 'proxy']

const headersOf = ({ headers }: Words): Words => (isRecord(headers) ? headers : {})

/**
 * Throws `in_use` where another address would get what was stored for the one before: whoever may change a provider could
 * read by it what is never shown.
 */
export function checkDestination(
  before: Words,
  after: Words,
  change: Words,
  keys: readonly StoredProviderKey[],
): void {
  const moved = destinations.find((name) => before[name] !== after[name])
  if (moved === undefined) return
  if (keys.length > 0)
    throw new GatewayError(
      'in_use',
      `Its keys would be sent to another address. Delete them, change "${moved}", and add them again.`,
      { param: `settings.${moved}` },
    )
  const [was, is, given] = [before, after, change].map(headersOf) as [Words, Words, Words]
  // Who gives the value itself knows it; as it is shown it changes nothing.
  const kept = Object.keys(was).find((name) => is[name] === was[name] && given[name] !== was[name])
  if (kept !== undefined)
    throw new GatewayError(
      'in_use',
      `The header "${kept}" would be sent to another address. Give it anew together with "${moved}", or null to take it away.`,
      { param: `settings.headers.${kept}` },
    )
}

export interface KeyCheck {
  /** Of the key, as a file would have it. */
  readonly words: Words
  /** Off, it is looked at alone. */
  readonly enabled: boolean
  /** The others that were made by the API under the provider's name. */
  readonly others: readonly StoredProviderKey[]
}

/** Whom a key is for: a provider of the file, or the settings of one that was made here. */
export type KeyOwner =
  | { readonly kind: 'file'; readonly provider: ProviderConfig }
  | { readonly kind: 'api'; readonly name: string; readonly settings: Words }

/** Throws `invalid_request` for a key that could not be in force, alone or beside the others. */
export function checkKey(
  owner: KeyOwner,
  { words, enabled, others }: KeyCheck,
  { context }: ProviderDesk,
  sealer: Sealer,
): void {
  if (owner.kind === 'file') {
    const { problems } = compileStoredKey(owner.provider, words, context)
    if (problems.length > 0) throw keyProblem(owner.provider.name, problems, 0)
    return
  }
  const { name, settings } = owner
  const compile = (keys: readonly Words[]) =>
    compileStored({ name, settings, keys }, context).problems
  // Beside others it may weigh nothing.
  const alone = compile([words['weight'] === 0 ? { ...words, weight: 1 } : words])
  if (alone.length > 0) throw keyProblem(name, alone, 0)
  if (!enabled) return
  const beside = others.flatMap((row) => {
    // Of one name there is one; the store says so.
    const other = row.enabled && row.name !== words['name'] ? tryToOpen(row, sealer) : null
    return other && compile([{ ...other, weight: 1 }]).length === 0 ? [other] : []
  })
  const together = compile([...beside, words])
  if (together.length > 0) throw keyProblem(name, together, beside.length)
}

/** Throws `invalid_request` where keys that are in force would not be with these settings. */
export function checkKeysWith(
  name: string,
  settings: Words,
  keys: readonly StoredProviderKey[],
  desk: ProviderDesk,
  sealer: Sealer,
): void {
  const { problems } = desk.standing()
  const inForce = keys.filter(({ id, enabled }) => enabled && !problems.has(id))
  const words = inForce.map((row) => tryToOpen(row, sealer)).filter((each) => each !== null)
  if (words.length === 0) return
  const found = compileStored({ name, settings, keys: words }, desk.context)
  if (found.problems.length > 0)
    throw invalid(
      'settings',
      `With this its keys could not be used any more: ${told(found.problems)}`,
    )
  if (found.provider) checkReach(found.provider)
}

function tryToOpen(row: StoredProviderKey, sealer: Sealer): Words | null {
  try {
    return openKey(row, sealer)
  } catch {
    return null
  }
}

/** A problem of one of a provider's keys, or of them together, as one of the key that is asked about. */
function keyProblem(name: string, problems: readonly StoredProblem[], at: number): GatewayError {
  const own = `keys[${at}]`
  const message = told(problems).replaceAll(`${showPath(['providers', name])}.${own}`, 'The key')
  const [{ param } = { param: '' }] = problems
  if (param === 'keys') return invalid('weight', message)
  if (param.startsWith(`${own}.`)) return invalid(param.slice(own.length + 1), message)
  return invalid(/needs "(\w+)"/.exec(message)?.[1] ?? '', message)
}
