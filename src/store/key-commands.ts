import { type OnConflictBuilder, sql } from 'kysely'
import { changeAccess, findMissingOwner, refusal } from './access-changes.ts'
import type {
  AuditEntry,
  FileKey,
  KeyFilter,
  KeyPatch,
  KeyRotation,
  Page,
  StoredKey,
  Written,
} from './access-store.ts'
import { nameHas } from './find-names.ts'
import { toKey, toKeyRow } from './key-rows.ts'
import { newStoredKey } from './new-stored-key.ts'
import { build } from './query-builder.ts'
import type { Schema } from './schema.ts'
import { change, rows, type Steps } from './steps.ts'

export function* listKeys(): Steps<readonly StoredKey[]> {
  const query = build
    .selectFrom('virtual_keys')
    .selectAll()
    .where('deleted_at', 'is', null)
    .orderBy('created_at')
    .orderBy('id')
  return (yield* rows(query)).map(toKey)
}

export function* pageKeys(filter: KeyFilter, page: Page): Steps<readonly StoredKey[]> {
  const { search, side, teamId, customerId, enabled } = filter
  let query = build
    .selectFrom('virtual_keys')
    .selectAll()
    .where('deleted_at', 'is', null)
    .where(nameHas(search))
    .where((key) =>
      key.or([
        key('origin', '=', 'file'),
        key.and([
          ...(teamId === null ? [] : [key('team_id', '=', teamId)]),
          ...(customerId === null ? [] : [key('customer_id', '=', customerId)]),
          ...(enabled === null ? [] : [key('enabled', '=', enabled ? 1 : 0)]),
        ]),
      ]),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
  if (side !== null) query = query.where('origin', side === 'file' ? '=' : '<>', 'file')
  if (page.after !== null) {
    const last = yield* findKey(page.after)
    if (!last) return []
    query = query.where(sql<boolean>`(created_at, id) < (${last.createdAt}, ${last.id})`)
  }
  return (yield* rows(query)).map(toKey)
}

export function* findKey(id: string): Steps<StoredKey | null> {
  const query = build.selectFrom('virtual_keys').selectAll().where('id', '=', id)
  const row = (yield* rows(query))[0]
  return row ? toKey(row) : null
}

export const createKey = (
  key: StoredKey,
  audit: AuditEntry | null = null,
): Steps<Written<StoredKey>> => changeAccess(audit, insertKey(key))

function* insertKey(key: StoredKey): Steps<Written<StoredKey>> {
  const missing = yield* findMissingOwner(key)
  if (missing) return missing
  const query = build
    .insertInto('virtual_keys')
    .values(toKeyRow(key))
    .onConflict((conflict) => sameName(conflict).doNothing())
  if ((yield* change(query)) === 0) return { kind: 'name_taken' }
  return { kind: 'written', value: key }
}

export const updateKey = (
  id: string,
  version: number | null,
  patch: KeyPatch,
  now: number,
  audit: AuditEntry | null,
): Steps<Written<StoredKey>> =>
  changeAccess(
    audit,
    rewriteKey(id, version, now, (key) => {
      const enabled = patch.enabled ?? key.enabled
      return { ...key, ...patch, enabled, disabledAt: enabled ? null : (key.disabledAt ?? now) }
    }),
  )

export const rotateKey = (
  id: string,
  version: number | null,
  { hash, hint, overlapUntil }: KeyRotation,
  now: number,
  audit: AuditEntry | null,
): Steps<Written<StoredKey>> =>
  changeAccess(
    audit,
    rewriteKey(id, version, now, (key) => ({
      ...key,
      hash,
      hint,
      previous: overlapUntil === null ? null : { hash: key.hash, until: overlapUntil },
    })),
  )

export const deleteKey = (
  id: string,
  version: number | null,
  now: number,
  audit: AuditEntry | null,
): Steps<Written<StoredKey>> =>
  changeAccess(
    audit,
    rewriteKey(id, version, now, (key) => ({
      ...key,
      enabled: false,
      disabledAt: key.disabledAt ?? now,
      previous: null,
      deletedAt: now,
    })),
  )

function* rewriteKey(
  id: string,
  version: number | null,
  now: number,
  next: (key: StoredKey) => StoredKey,
): Steps<Written<StoredKey>> {
  const found = yield* findKey(id)
  const key = found && found.origin !== 'file' && found.deletedAt === null ? found : undefined
  const refused = refusal(key, version)
  if (!key || refused) return refused ?? { kind: 'missing' }
  const value = { ...next(key), version: key.version + 1, updatedAt: now }
  const missing = yield* findMissingOwner(value)
  if (missing && value.deletedAt === null) return missing
  if (value.name !== key.name && (yield* findByName(value.name)) !== undefined)
    return { kind: 'name_taken' }
  yield* change(build.updateTable('virtual_keys').set(toKeyRow(value)).where('id', '=', id))
  return { kind: 'written', value }
}

/** The id of the one outside the file. */
function* findByName(name: string): Steps<string | undefined> {
  const query = build
    .selectFrom('virtual_keys')
    .select('id')
    .where('origin', '<>', 'file')
    .where('name', '=', name)
    .where('deleted_at', 'is', null)
  return (yield* rows(query))[0]?.id
}

export function* setKeyEnabled(
  name: string,
  enabled: boolean,
  now: number,
  audit: AuditEntry | null = null,
): Steps<boolean> {
  const result = yield* changeAccess(audit, switchKey(name, enabled, now))
  return result.kind !== 'missing'
}

function* switchKey(name: string, enabled: boolean, now: number): Steps<Written<StoredKey>> {
  const key = yield* findKey((yield* findByName(name)) ?? '')
  if (!key) return { kind: 'missing' }
  // Nothing to change: disabling twice keeps the time of the first.
  if (key.enabled === enabled) return { kind: 'changed', version: key.version }
  const disabledAt = enabled ? null : now
  return yield* rewriteKey(key.id, null, now, (found) => ({ ...found, enabled, disabledAt }))
}

export function* followFileKeys(keys: readonly FileKey[], now: number): Steps<void> {
  for (const key of keys) yield* change(addFileKey(key, now))
  const kept = new Set(keys.map((key) => key.name))
  const enabled = build
    .selectFrom('virtual_keys')
    .select('name')
    .where('origin', '=', 'file')
    .where('enabled', '=', 1)
  for (const { name } of yield* rows(enabled))
    if (!kept.has(name))
      yield* change(
        build
          .updateTable('virtual_keys')
          .set({ enabled: 0, disabled_at: now })
          .where('origin', '=', 'file')
          .where('name', '=', name),
      )
}

function addFileKey(key: FileKey, now: number) {
  return build
    .insertInto('virtual_keys')
    .values(toKeyRow(newStoredKey({ ...key, origin: 'file', createdAt: now })))
    .onConflict((conflict) =>
      // The id stays: usage already written refers to it.
      sameName(conflict).doUpdateSet({
        hash: key.hash,
        hint: key.hint,
        enabled: 1,
        disabled_at: null,
      }),
    )
}

/** Must read like the unique index: a conflict over the id is a mistake and throws. */
function sameName(conflict: OnConflictBuilder<Schema, 'virtual_keys'>) {
  return conflict.expression(sql`name, (origin = 'file')`)
}
