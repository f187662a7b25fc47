import type { ProviderConfig, ProviderKeyConfig } from '../../config/config.ts'
import { maskSecret, maskUrl } from '../../config/mask.ts'
import { isRecord, nodeAt } from '../../config/schema-node.ts'
import { openProvider } from '../../governance/sealed-settings.ts'
import type { Sealer } from '../../governance/sealer.ts'
import type { StoredProvider, StoredProviderKey } from '../../store/access-store.ts'
import type { ProviderKeyResource, ProviderResource } from './contract-providers.ts'
import { timeText } from './page.ts'
import type { ProviderDesk } from './provider-desk.ts'

type Words = Readonly<Record<string, unknown>>

/** What it takes to show a provider. */
export interface ShowDeps {
  readonly providers: ProviderDesk
  readonly sealer: Sealer
}

/** A setting as it may be shown: a secret by its end, a URL without its login. `path` is below the provider. */
export function maskSetting(path: readonly string[], value: string): string {
  if (path[0] === 'proxy') return maskUrl(value)
  return nodeAt(['providers', 'any', ...path])?.writeOnly ? maskSecret(value) : value
}

function maskSettings(settings: Words, path: readonly string[] = []): Words {
  const shown = Object.entries(settings).map(([name, value]) => {
    const at = [...path, name]
    if (typeof value === 'string') return [name, maskSetting(at, value)]
    return [name, isRecord(value) ? maskSettings(value, at) : value]
  })
  return Object.fromEntries(shown)
}

/** A provider's settings in clear; what cannot be opened is not among them. */
export function settingsOf(row: StoredProvider, sealer: Sealer): Words {
  try {
    return openProvider(row, sealer)
  } catch {
    const { sealed: _, ...open } = row.settings
    return open
  }
}

/** `keys` are those made by the API under its name. */
export function showStoredProvider(
  row: StoredProvider,
  keys: readonly StoredProviderKey[],
  { providers, sealer }: ShowDeps,
  settings: Words = settingsOf(row, sealer),
): ProviderResource {
  const { problems, warnings } = providers.standing()
  const isShadowed = providers.file().providers.has(row.name)
  const isType = providers.context.types.some(({ type }) => type === row.name)
  const type = settings['type'] ?? (isType ? row.name : null)
  const info = providers.context.types.find((each) => each.type === type)
  return {
    object: 'provider',
    id: row.id,
    name: row.name,
    origin: 'api',
    shadowed: isShadowed,
    type: textOrNull(type),
    base_url: textOrNull(settings['base_url'] ?? info?.defaultBaseUrl),
    settings: maskSettings(settings),
    keys: isShadowed ? [] : keys.map((key) => showStoredKey(key, { providers })),
    problem: isShadowed ? null : (problems.get(row.id) ?? null),
    warnings: isShadowed ? [] : [...(warnings.get(row.id) ?? [])],
    metadata: { ...row.metadata },
    managed_by: 'api',
    version: row.version,
    created_at: timeText(row.createdAt),
    updated_at: timeText(row.updatedAt),
  }
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null)

export function showFileProvider(
  provider: ProviderConfig,
  keys: readonly StoredProviderKey[],
  deps: Pick<ShowDeps, 'providers'>,
): ProviderResource {
  return {
    object: 'provider',
    id: `file:provider:${provider.name}`,
    name: provider.name,
    origin: 'file',
    shadowed: false,
    type: provider.type,
    base_url: provider.baseUrl === '' ? null : provider.baseUrl,
    settings: maskSettings(effective(provider)),
    keys: [
      ...(provider.keys ?? []).map((key) => showFileKey(provider.name, key)),
      ...keys.map((key) => showStoredKey(key, deps)),
    ],
    problem: null,
    warnings: [],
    metadata: {},
    ...ofFile,
  }
}

const ofFile = { managed_by: 'file' as const, version: 0, created_at: null, updated_at: null }
const ms = (value: number): string => `${value}ms`

/** What is in force, in the words of the file. */
function effective(provider: ProviderConfig): Words {
  const { timeouts, retries, proxy, apiVersion, deployments, fetchImages } = provider
  return {
    type: provider.type,
    ...(provider.baseUrl !== '' && { base_url: provider.baseUrl }),
    ...(apiVersion !== null && { api_version: apiVersion }),
    ...(deployments !== null && { deployments: Object.fromEntries(deployments) }),
    headers: provider.headers,
    ...(proxy !== null && { proxy }),
    timeouts: {
      connect: ms(timeouts.connectMs),
      ...(timeouts.firstByteMs !== null && { first_byte: ms(timeouts.firstByteMs) }),
      ...(timeouts.firstTokenMs !== null && { first_token: ms(timeouts.firstTokenMs) }),
      idle: ms(timeouts.idleMs),
      total: ms(timeouts.totalMs),
      stream_total: ms(timeouts.streamTotalMs),
      job: ms(timeouts.jobMs),
    },
    retries: { max: retries.max, base: ms(retries.baseMs), cap: ms(retries.capMs) },
    max_concurrency: provider.maxConcurrency,
    drop_unsupported: provider.dropUnsupported,
    fetch_images: fetchImages !== null,
    ...(provider.reach !== 'any' && { allow_private_network: provider.reach === 'private' }),
  }
}

function showFileKey(provider: string, key: ProviderKeyConfig): ProviderKeyResource {
  const isSecret = (name: string): boolean =>
    nodeAt(['providers', 'any', 'keys', 0, name])?.writeOnly === true
  const cloud = Object.entries(key.cloud)
  const secret = key.value ?? cloud.findLast(([name]) => isSecret(name))?.[1]
  return {
    object: 'provider_key',
    id: `file:provider_key:${provider}/${key.name}`,
    provider,
    name: key.name,
    hint: secret === undefined ? '' : maskSecret(secret),
    origin: 'file',
    shadowed: false,
    enabled: true,
    weight: key.weight,
    models: key.models && [...key.models],
    quota_group: key.quotaGroup === `key:${key.name}` ? null : key.quotaGroup,
    settings: Object.fromEntries(cloud.filter(([name]) => !isSecret(name))),
    problem: null,
    metadata: {},
    ...ofFile,
  }
}

export function showStoredKey(
  key: StoredProviderKey,
  { providers }: Pick<ShowDeps, 'providers'>,
): ProviderKeyResource {
  const { weight, models, quota_group: group, ...settings } = key.settings
  const besides = providers.file().providers.get(key.provider)?.keys ?? []
  const isShadowed = besides.some(({ name }) => name === key.name)
  return {
    object: 'provider_key',
    id: key.id,
    provider: key.provider,
    name: key.name,
    hint: key.hint,
    origin: 'api',
    shadowed: isShadowed,
    enabled: key.enabled,
    weight: typeof weight === 'number' ? weight : 1,
    models: Array.isArray(models) ? (models as string[]) : null,
    quota_group: textOrNull(group),
    settings,
    problem:
      isShadowed || !key.enabled ? null : (providers.standing().problems.get(key.id) ?? null),
    metadata: { ...key.metadata },
    managed_by: 'api',
    version: key.version,
    created_at: timeText(key.createdAt),
    updated_at: timeText(key.updatedAt),
  }
}
