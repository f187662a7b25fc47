import { sql } from 'kysely'
import { noteChange } from './access-changes.ts'
import type { AuditEntry, SealedText } from './access-store.ts'
import { build } from './query-builder.ts'
import { alone, change, rows, type Steps } from './steps.ts'

// Every column that holds sealed text must be here: what is forgotten cannot be read after the next key.

const columns = {
  provider_key: { table: 'provider_keys', column: 'sealed' },
  provider: { table: 'providers', column: 'settings' },
  job: { table: 'jobs', column: 'context' },
} as const

/** In the order in which they are listed. */
const places = ['provider_key', 'provider', 'job'] as const

export function* listSealed(
  after: Pick<SealedText, 'place' | 'id'> | null,
  limit: number,
): Steps<readonly SealedText[]> {
  const found: SealedText[] = []
  for (const place of places.slice(after ? places.indexOf(after.place) : 0)) {
    if (found.length >= limit) break
    const { table, column } = columns[place]
    const query = build
      // They have in common what is asked for here.
      .selectFrom(table as 'jobs')
      .select(['id', sql.ref<string>(column).as('text')])
      .where('id', '>', after?.place === place ? after.id : '')
      .orderBy('id')
      .limit(limit - found.length)
    for (const { id, text } of yield* rows(query)) found.push({ place, id, text })
  }
  return found
}

export function* resealKeys(
  entries: readonly (SealedText & { readonly was: string })[],
  audit: AuditEntry | null,
): Steps<number> {
  yield* alone('access')
  let written = 0
  for (const { place, id, was, text } of entries) {
    const { table, column } = columns[place]
    written += yield* change(
      build
        .updateTable(table as 'jobs')
        .set({ [column]: text })
        .where('id', '=', id)
        .where(sql.ref(column), '=', was),
    )
  }
  if (written > 0) yield* noteChange(audit)
  return written
}
