import type { DatabaseSync } from 'node:sqlite'
import { type Migration, migrations } from './migrations.ts'
import { StoreOpenError } from './store-open-error.ts'

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
