import {
  DummyDriver,
  Kysely,
  type OnConflictBuilder,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import type { QueryRunner } from './query-runner.ts'
import type { Schema, VirtualKeysTable } from './schema.ts'
import type { CommandName } from './sqlite-protocol.ts'
import type { FileKey, Store, StoredKey } from './store.ts'

/** The port's commands as they run inside a transaction: synchronous, and undone when they throw. */
export type Commands = {
  readonly [Name in CommandName]: (
    db: QueryRunner,
    ...args: Parameters<Store[Name]>
  ) => Awaited<ReturnType<Store[Name]>>
}

// It builds text only: a connection of its own would be a second writer.
const build = new Kysely<Schema>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})

export const commands: Commands = {
  readSettings,

  initialiseSettings(db, entries) {
    for (const [name, value] of Object.entries(entries))
      db.change(
        build
          .insertInto('settings')
          .values({ name, value })
          .onConflict((conflict) => conflict.column('name').doNothing()),
      )
    return readSettings(db)
  },

  putSetting(db, name, value) {
    db.change(
      build
        .insertInto('settings')
        .values({ name, value })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ value })),
    )
  },

  listKeys(db) {
    const query = build.selectFrom('virtual_keys').selectAll().orderBy('created_at').orderBy('id')
    return db.rows(query).map(toKey)
  },

  createKey(db, key) {
    const query = build
      .insertInto('virtual_keys')
      .values(toRow(key))
      .onConflict((conflict) => sameName(conflict).doNothing())
    return db.change(query) === 1 ? 'created' : 'name_taken'
  },

  followFileKeys(db, keys, now) {
    for (const key of keys) db.change(addFileKey(key, now))
    const kept = new Set(keys.map((key) => key.name))
    const enabled = build
      .selectFrom('virtual_keys')
      .select('name')
      .where('origin', '=', 'file')
      .where('enabled', '=', 1)
    for (const { name } of db.rows(enabled))
      if (!kept.has(name))
        db.change(
          build
            .updateTable('virtual_keys')
            .set({ enabled: 0, disabled_at: now })
            .where('origin', '=', 'file')
            .where('name', '=', name),
        )
  },

  setKeyEnabled(db, name, enabled, now) {
    const found = build
      .selectFrom('virtual_keys')
      .select('id')
      .where('origin', '<>', 'file')
      .where('name', '=', name)
    const id = db.rows(found)[0]?.id
    if (id === undefined) return false
    // Only a real change moves `disabled_at`: disabling twice keeps the first time.
    db.change(
      build
        .updateTable('virtual_keys')
        .set({ enabled: enabled ? 1 : 0, disabled_at: enabled ? null : now })
        .where('id', '=', id)
        .where('enabled', '=', enabled ? 0 : 1),
    )
    return true
  },

  ping(db) {
    db.change(build.updateTable('write_probe').set((row) => ({ writes: row('writes', '+', 1) })))
  },
}

function readSettings(db: QueryRunner): ReadonlyMap<string, string> {
  const rows = db.rows(build.selectFrom('settings').select(['name', 'value']))
  return new Map(rows.map(({ name, value }) => [name, value]))
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
