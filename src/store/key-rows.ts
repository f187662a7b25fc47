import type { StoredKey } from './access-store.ts'
import { parse, stringify } from './json-columns.ts'
import type { VirtualKeysTable } from './schema-access.ts'

export function toKey(row: VirtualKeysTable): StoredKey {
  return {
    id: row.id,
    name: row.deleted_name ?? row.name,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at ?? row.created_at,
    metadata: JSON.parse(row.metadata),
    hash: row.hash,
    hint: row.hint,
    origin: row.origin,
    enabled: row.enabled === 1,
    disabledAt: row.disabled_at,
    previous:
      row.previous_hash === null || row.previous_until === null
        ? null
        : { hash: row.previous_hash, until: row.previous_until },
    deletedAt: row.deleted_at,
    models: parse(row.models),
    providers: parse(row.providers),
    providerKeys: parse(row.provider_keys),
    forwardHeaders: JSON.parse(row.forward_headers),
    mayPin: row.may_pin === 1,
    logContent: row.log_content === 1,
    teamId: row.team_id,
    customerId: row.customer_id,
    expiresAt: row.expires_at,
    limits: parse(row.limits),
    budget: parse(row.budget),
  }
}

export function toKeyRow(key: StoredKey): VirtualKeysTable {
  const isDeleted = key.deletedAt !== null
  return {
    id: key.id,
    name: isDeleted ? `deleted ${key.id}` : key.name,
    hash: key.hash,
    hint: key.hint,
    origin: key.origin,
    models: stringify(key.models),
    enabled: key.enabled ? 1 : 0,
    expires_at: key.expiresAt,
    created_at: key.createdAt,
    disabled_at: key.disabledAt,
    providers: stringify(key.providers),
    provider_keys: stringify(key.providerKeys),
    forward_headers: JSON.stringify(key.forwardHeaders),
    may_pin: key.mayPin ? 1 : 0,
    log_content: key.logContent ? 1 : 0,
    team_id: key.teamId,
    customer_id: key.customerId,
    limits: stringify(key.limits),
    budget: stringify(key.budget),
    metadata: JSON.stringify(key.metadata),
    version: key.version,
    updated_at: key.updatedAt,
    previous_hash: key.previous?.hash ?? null,
    previous_until: key.previous?.until ?? null,
    deleted_at: key.deletedAt,
    deleted_name: isDeleted ? key.name : null,
  }
}
