import { noteChange } from './access-changes.ts'
import type { AuditEntry, SealedText } from './access-store.ts'
import { build } from './query-builder.ts'
import { alone, change, rows, type Steps } from './steps.ts'

// Every column that holds sealed text must be here: what is forgotten cannot be read after the next key.

export function* listSealed(
  after: Pick<SealedText, 'place' | 'id'> | null,
  limit: number,
): Steps<readonly SealedText[]> {
  const found: SealedText[] = []
  if (after?.place !== 'job') {
    const keys = build
      .selectFrom('provider_keys')
      .select(['id', 'sealed'])
      .where('id', '>', after?.id ?? '')
      .orderBy('id')
      .limit(limit)
    for (const { id, sealed } of yield* rows(keys))
      found.push({ place: 'provider_key', id, text: sealed })
  }
  if (found.length >= limit) return found
  const jobs = build
    .selectFrom('jobs')
    .select(['id', 'context'])
    .where('id', '>', after?.place === 'job' ? after.id : '')
    .orderBy('id')
    .limit(limit - found.length)
  for (const { id, context } of yield* rows(jobs)) found.push({ place: 'job', id, text: context })
  return found
}

export function* resealKeys(
  entries: readonly (SealedText & { readonly was: string })[],
  audit: AuditEntry | null,
): Steps<number> {
  yield* alone('access')
  let written = 0
  for (const { place, id, was, text } of entries)
    written += yield* change(
      place === 'provider_key'
        ? build
            .updateTable('provider_keys')
            .set({ sealed: text })
            .where('id', '=', id)
            .where('sealed', '=', was)
        : build
            .updateTable('jobs')
            .set({ context: text })
            .where('id', '=', id)
            .where('context', '=', was),
    )
  if (written > 0) yield* noteChange(audit)
  return written
}
