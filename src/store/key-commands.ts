import { type OnConflictBuilder, sql } from 'kysely'
import { build } from './query-builder.ts'
import type { Schema, VirtualKeysTable } from './schema.ts'
import { change, rows, type Steps } from './steps.ts'
import type { FileKey, StoredKey } from './store.ts'

export function* listKeys(): Steps<readonly StoredKey[]> {
  const query = build.selectFrom('virtual_keys').selectAll().orderBy('created_at').orderBy('id')
  return (yield* rows(query)).map(toKey)
}

export function* createKey(key: StoredKey): Steps<'created' | 'name_taken'> {
  const query = build
    .insertInto('virtual_keys')
    .values(toRow(key))
    .onConflict((conflict) => sameName(conflict).doNothing())
  return (yield* change(query)) === 1 ? 'created' : 'name_taken'
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

export function* setKeyEnabled(name: string, enabled: boolean, now: number): Steps<boolean> {
  const found = build
    .selectFrom('virtual_keys')
    .select('id')
    .where('origin', '<>', 'file')
    .where('name', '=', name)
  const id = (yield* rows(found))[0]?.id
  if (id === undefined) return false
  // Only a real change moves `disabled_at`: disabling twice keeps the first time.
  yield* change(
    build
      .updateTable('virtual_keys')
      .set({ enabled: enabled ? 1 : 0, disabled_at: enabled ? null : now })
      .where('id', '=', id)
      .where('enabled', '=', enabled ? 0 : 1),
  )
  return true
}

function addFileKey(key: FileKey, now: number) {
  return build
    .insertInto('virtual_keys')
    .values({
      ...key,
      origin: 'file',
      models: null,
      enabled: 1,
      expires_at: null,
      created_at: now,
      disabled_at: null,
    })
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

function toKey(row: VirtualKeysTable): StoredKey {
  return {
    id: row.id,
    name: row.name,
    hash: row.hash,
    hint: row.hint,
    origin: row.origin,
    models: row.models === null ? null : JSON.parse(row.models),
    enabled: row.enabled === 1,
    expiresAt: row.expires_at,
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
  }
}

function toRow(key: StoredKey): VirtualKeysTable {
  return {
    id: key.id,
    name: key.name,
    hash: key.hash,
    hint: key.hint,
    origin: key.origin,
    models: key.models === null ? null : JSON.stringify(key.models),
    enabled: key.enabled ? 1 : 0,
    expires_at: key.expiresAt,
    created_at: key.createdAt,
    disabled_at: key.disabledAt,
  }
}
