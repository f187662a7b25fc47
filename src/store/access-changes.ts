import type { AuditEntry, Written } from './access-store.ts'
import { appendAudit } from './audit-commands.ts'
import { build } from './query-builder.ts'
import { alone, change, rows, type Steps } from './steps.ts'

export function* accessVersion(): Steps<number> {
  return (yield* rows(build.selectFrom('access_state').select('version')))[0]?.version ?? 0
}

/**
 * A change of what decides about calls: one at a time, so that what was read still holds when it is written; seen by
 * the other nodes, and told in the audit, if it went through.
 */
export function* changeAccess<T>(
  audit: AuditEntry | null,
  steps: Steps<Written<T>>,
): Steps<Written<T>> {
  yield* alone('access')
  const result = yield* steps
  if (result.kind === 'written') yield* noteChange(audit)
  return result
}

export function* noteChange(audit: AuditEntry | null): Steps<void> {
  yield* change(
    build.updateTable('access_state').set((row) => ({ version: row('version', '+', 1) })),
  )
  if (audit !== null) yield* appendAudit(audit)
}

/** Why what was found may not be written; null: it may. */
export function refusal(
  found: { readonly version: number } | undefined,
  version: number | null,
): Written<never> | null {
  if (!found) return { kind: 'missing' }
  const isOther = version !== null && found.version !== version
  return isOther ? { kind: 'changed', version: found.version } : null
}

/** Why it may not belong to them; null: both are there. */
export function* findMissingOwner(of: {
  readonly teamId?: string | null | undefined
  readonly customerId?: string | null | undefined
}): Steps<Written<never> | null> {
  for (const [what, table, id] of [
    ['team', 'teams', of.teamId],
    ['customer', 'customers', of.customerId],
  ] as const) {
    if (id === null || id === undefined) continue
    const query = build.selectFrom(table).select('id').where('id', '=', id)
    if ((yield* rows(query)).length === 0) return { kind: 'no_such', what }
  }
  return null
}
