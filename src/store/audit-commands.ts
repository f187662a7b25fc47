import type { AuditEntry, AuditFilter, Page } from './access-store.ts'
import { parse, stringify } from './json-columns.ts'
import { build } from './query-builder.ts'
import { change, rows, type Steps } from './steps.ts'

export function* appendAudit(entry: AuditEntry): Steps<void> {
  const { requestId, before, after, ...rest } = entry
  yield* change(
    build.insertInto('audit').values({
      ...rest,
      request_id: requestId,
      before: stringify(before),
      after: stringify(after),
    }),
  )
}

export function* listAudit(filter: AuditFilter, page: Page): Steps<readonly AuditEntry[]> {
  let query = build.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(page.limit)
  for (const column of ['kind', 'object', 'actor'] as const) {
    const wanted = filter[column]
    if (wanted !== null) query = query.where(column, '=', wanted)
  }
  if (page.after !== null) query = query.where('id', '<', page.after)
  return (yield* rows(query)).map(({ request_id: requestId, before, after, ...rest }) => ({
    ...rest,
    requestId,
    before: parse(before),
    after: parse(after),
  }))
}
