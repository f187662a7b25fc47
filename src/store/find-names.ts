import { type RawBuilder, sql } from 'kysely'
import type { NamedKind } from './access-store.ts'
import { givenRows } from './bulk.ts'
import { build } from './query-builder.ts'
import { rows, type Steps } from './steps.ts'

const tables = { key: 'virtual_keys', team: 'teams', customer: 'customers' } as const

/** Names by ids; of keys that were deleted as well. What is not there is left out. */
export function* findNames(
  kind: NamedKind,
  ids: readonly string[],
): Steps<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map()
  const given = givenRows(
    ['text'],
    ids.map((id) => [id]),
  )
  const name = kind === 'key' ? sql<string>`coalesce(deleted_name, name)` : sql<string>`name`
  const query = build
    .selectFrom(tables[kind] as 'teams')
    .select('id')
    .select(name.as('name'))
    .where('id', 'in', sql<string>`(${given})`)
  return new Map((yield* rows(query)).map((row) => [row.id, row.name]))
}

/** Names with that in them, in any case. Letters beyond ASCII fold differently in each engine: then there are more. */
export function nameHas(search: string | null): RawBuilder<boolean> {
  if (search === null || !/^[\x20-\x7e]+$/.test(search)) return sql`true`
  const pattern = `%${search.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`
  return sql`lower(name) like ${pattern} escape '\\'`
}
