import type { Config, VirtualKeyConfig } from '../../config/config.ts'
import type { StoredKey } from '../../store/access-store.ts'
import { showBudget, showLimits } from './allowance-words.ts'
import type { VirtualKeyResource } from './contract-keys.ts'
import { timeText, timeTextOrNull } from './page.ts'
import type { TenantNames } from './tenants.ts'

/** A key as the API shows it, whichever side it stands on. */
export function showKey(
  key: StoredKey,
  { virtualKeys }: Pick<Config, 'virtualKeys'>,
  names: TenantNames,
): VirtualKeyResource {
  const ofFile = virtualKeys.find(({ name }) => name === key.name)
  return key.origin === 'file'
    ? showFileKey(key, ofFile)
    : showStoredKey(key, ofFile !== undefined, names)
}

function showStoredKey(
  key: StoredKey,
  isShadowed: boolean,
  names: TenantNames,
): VirtualKeyResource {
  return {
    ...known(key),
    shadowed: isShadowed,
    enabled: key.enabled,
    expires_at: timeTextOrNull(key.expiresAt),
    deleted_at: timeTextOrNull(key.deletedAt),
    ...lists(key),
    team: names.get(key.teamId ?? '') ?? null,
    team_id: key.teamId,
    customer: names.get(key.customerId ?? '') ?? null,
    customer_id: key.customerId,
    limits: showLimits(key.limits),
    budget: showBudget(key.budget),
    allow_pinning: key.mayPin,
    log_content: key.logContent,
    forward_headers: [...key.forwardHeaders],
    metadata: { ...key.metadata },
    managed_by: 'api',
  }
}

/** The store has its history, the file everything else; one that has left the file is as good as deleted. */
function showFileKey(key: StoredKey, file: VirtualKeyConfig | undefined): VirtualKeyResource {
  return {
    ...known(key),
    shadowed: false,
    enabled: key.enabled && (file?.enabled ?? false),
    expires_at: timeTextOrNull(file?.expiresAt ?? null),
    deleted_at: file ? null : timeTextOrNull(key.disabledAt),
    ...lists(file ?? key),
    team: file?.team ?? null,
    team_id: file?.team ? `file:team:${file.team}` : null,
    customer: file?.customer ?? null,
    customer_id: file?.customer ? `file:customer:${file.customer}` : null,
    limits: showLimits(file?.limits ?? null),
    budget: showBudget(file?.budget ?? null),
    allow_pinning: file?.allowPinning ?? false,
    log_content: file?.logContent ?? true,
    forward_headers: [...(file?.forwardHeaders ?? [])],
    metadata: { ...file?.metadata },
    managed_by: 'file',
  }
}

const known = (key: StoredKey) => ({
  object: 'virtual_key' as const,
  id: key.id,
  name: key.name,
  hint: key.hint,
  origin: key.origin,
  disabled_at: timeTextOrNull(key.disabledAt),
  previous_until: timeTextOrNull(key.previous?.until ?? null),
  version: key.version,
  created_at: timeText(key.createdAt),
  updated_at: timeText(key.updatedAt),
})

const copyOf = (list: readonly string[] | null): string[] | null => list && [...list]

const lists = (key: Pick<StoredKey, 'models' | 'providers' | 'providerKeys'>) => ({
  models: copyOf(key.models),
  providers: copyOf(key.providers),
  provider_keys: copyOf(key.providerKeys),
})
