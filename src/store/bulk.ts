import { type RawBuilder, sql } from 'kysely'

/** `json`: an object, kept as it is. */
export type ColumnType = 'text' | 'bigint' | 'json'
export type Cell = string | number | null | Readonly<Record<string, number>>

/**
 * Any number of rows as one parameter, in their order, so that a query has one text: both engines know `json_each` of an
 * object. The columns are called c0, c1, …
 */
export function givenRows(
  types: readonly ColumnType[],
  list: readonly (readonly Cell[])[],
): RawBuilder<Record<string, string | number | null>> {
  const columns = types.map((type, i) =>
    type === 'json'
      ? `given.value -> ${i} as c${i}`
      : `cast(given.value ->> ${i} as ${type}) as c${i}`,
  )
  const rows: Record<number, readonly Cell[]> = {}
  for (const [i, row] of list.entries()) rows[i] = row.map(storable)
  // `where true`: without it SQLite takes the `on` of `on conflict` for a join's.
  return sql`select ${sql.raw(columns.join(', '))} from json_each(${JSON.stringify(rows)}) as given where true`
}

export const boundCells = (row: readonly Cell[]): (string | number | null)[] =>
  row.map((cell) => {
    const value = storable(cell)
    return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
  })

const storable = (cell: Cell): Cell => (typeof cell === 'string' ? storableText(cell) : cell)

/** Postgres takes neither NUL nor half a surrogate pair; a name that has one must not hold up the rows beside it. */
export const storableText = (text: string): string =>
  text.isWellFormed() && !text.includes('\0')
    ? text
    : text.toWellFormed().replaceAll('\0', '\ufffd')
