import type { DatabaseSync } from 'node:sqlite'
import { StoreOpenError } from './store-open-error.ts'

/** One additive step: the previous version of the program must be able to live with what it adds. */
export interface Migration {
  /** Counts up from 1 without gaps; never changed once released. */
  readonly number: number
  readonly statements: readonly string[]
}

// `bigint` and the index over an expression mean the same to SQLite and Postgres.
export const migrations: readonly Migration[] = [
  {
    number: 1,
    statements: [
      `create table settings (
        name text primary key not null,
        value text not null
      )`,
      `create table virtual_keys (
        id text primary key not null,
        name text not null,
        hash text not null check (length(hash) = 64),
        hint text not null,
        origin text not null check (origin in ('first-run', 'file', 'api')),
        models text,
        enabled integer not null check (enabled in (0, 1)),
        expires_at bigint,
        created_at bigint not null,
        disabled_at bigint
      )`,
      `create unique index virtual_keys_name on virtual_keys (name, (origin = 'file'))`,
      `create table write_probe (
        id integer primary key not null check (id = 1),
        writes bigint not null
      )`,
      `insert into write_probe (id, writes) values (1, 0)`,
    ],
  },
]

/** Marks a file as ours in SQLite's header: "Slui" in ASCII. */
const applicationId = 0x53_6c_75_69

/**
 * Brings a database up to date: each step in a transaction of its own, so an interrupted run goes on
 * where it stopped. Throws a StoreOpenError for a newer database or another program's.
 */
export function migrate(db: DatabaseSync, file: string, steps = migrations): void {
  const version = readPragma(db, 'user_version')
  const owner = readPragma(db, 'application_id')
  const isEmpty = db.prepare('select 1 from sqlite_schema limit 1').get() === undefined
  if (owner !== applicationId && !(isEmpty && owner === 0 && version === 0))
    throw new StoreOpenError(
      `${file} is the database of another program: move it away, or choose another place with --data-dir or store.url.`,
    )
  const newest = steps.at(-1)?.number ?? 0
  if (version > newest)
    throw new StoreOpenError(
      `${file} was written by a newer Sluice (schema ${version}, this one knows ${newest}): start that version again, or restore the backup from before the upgrade.`,
    )
  for (const step of steps) if (step.number > version) applyStep(db, step)
}

function applyStep(db: DatabaseSync, step: Migration): void {
  db.exec('begin immediate')
  try {
    for (const statement of step.statements) db.exec(statement)
    // Both live in the header page, so they are part of the transaction.
    db.exec(`pragma application_id = ${applicationId}`)
    db.exec(`pragma user_version = ${step.number}`)
    db.exec('commit')
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    throw error
  }
}

function readPragma(db: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(db.prepare(`pragma ${name}`).get()?.[name])
}
