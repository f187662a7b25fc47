import type { ClientBase } from 'pg'
import { migrations } from './migrations.ts'
import { beginTransaction, holdLock } from './postgres-steps.ts'
import { StoreOpenError } from './store-open-error.ts'

/**
 * Brings a database up to date, all in one transaction, one gateway at a time. `place` is how the database is called in
 * what is told. Throws a StoreOpenError for a newer one.
 */
export async function migratePostgres(
  client: ClientBase,
  place: string,
  steps = migrations,
): Promise<void> {
  await beginTransaction(client)
  try {
    await holdLock(client, 'migrate')
    await client.query('create table if not exists sluice_schema (version integer not null)')
    const found = await client.query<{ version: number | null }>(
      'select max(version) as version from sluice_schema',
    )
    const version = found.rows[0]?.version ?? 0
    const newest = steps.at(-1)?.number ?? 0
    if (version > newest)
      throw new StoreOpenError(
        `${place} was written by a newer Sluice (schema ${version}, this one knows ${newest}): start that version again, or restore the backup from before the upgrade.`,
      )
    for (const step of steps)
      if (step.number > version) {
        for (const statement of step.statements) await client.query(inPostgresWords(statement))
        await client.query('insert into sluice_schema (version) values ($1)', [step.number])
      }
    await client.query('commit')
  } catch (error) {
    // Where the connection is gone there is nothing to undo, and the first error is the one worth telling.
    await client.query('rollback').catch(() => {})
    throw error
  }
}

const inPostgresWords = (statement: string): string =>
  statement.replace(/\bblob\b/g, 'bytea').replace(/\) without rowid$/, ')')
