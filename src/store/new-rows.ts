import { type RawBuilder, sql } from 'kysely'
import { givenRows } from './bulk.ts'
import type { NewRows } from './steps.ts'

const insertInto = ({ table, columns }: Omit<NewRows, 'list'>): string =>
  `insert into ${table} (${columns.join(', ')})`

/** For one row at a time, whose cells are the parameters. */
export const insertedAlone = (rows: Omit<NewRows, 'list'>): string =>
  `${insertInto(rows)} values (${rows.columns.map(() => '?').join(', ')}) on conflict (${rows.key}) do nothing`

/** Answers the keys of those that were not there. */
export const insertedAtOnce = (rows: NewRows): RawBuilder<{ key: string }> =>
  sql`${sql.raw(insertInto(rows))} ${givenRows(rows.types, rows.list)} on conflict (${sql.ref(rows.key)}) do nothing returning ${sql.ref(rows.key)} as key`
