import { changeAccess, refusal } from './access-changes.ts'
import type { AuditEntry, StoredScope, Written } from './access-store.ts'
import { parse, stringify } from './json-columns.ts'
import { build } from './query-builder.ts'
import type { ScopesTable } from './schema-access.ts'
import { change, rows, type Steps } from './steps.ts'

type ScopeName = Pick<StoredScope, 'kind' | 'name'>

export function* listScopes(): Steps<readonly StoredScope[]> {
  const query = build.selectFrom('scopes').selectAll().orderBy('kind').orderBy('name')
  return (yield* rows(query)).map(toScope)
}

function* findScope({ kind, name }: ScopeName): Steps<StoredScope | undefined> {
  const query = build
    .selectFrom('scopes')
    .selectAll()
    .where('kind', '=', kind)
    .where('name', '=', name)
  return (yield* rows(query)).map(toScope)[0]
}

export const putScope = (
  scope: Pick<StoredScope, 'kind' | 'name' | 'limits' | 'budget'>,
  version: number | null,
  now: number,
  audit: AuditEntry | null,
): Steps<Written<StoredScope>> => changeAccess(audit, writeScope(scope, version, now))

function* writeScope(
  scope: Pick<StoredScope, 'kind' | 'name' | 'limits' | 'budget'>,
  version: number | null,
  now: number,
): Steps<Written<StoredScope>> {
  const found = yield* findScope(scope)
  const refused = refusal(found ?? { version: 0 }, version)
  if (refused) return found ? refused : { kind: 'missing' }
  const { kind, name, limits, budget } = scope
  const value = { kind, name, limits, budget, version: (found?.version ?? 0) + 1, updatedAt: now }
  const { updatedAt: updated_at, ...rest } = value
  const row = { ...rest, updated_at, limits: stringify(limits), budget: stringify(budget) }
  yield* change(
    build
      .insertInto('scopes')
      .values(row)
      .onConflict((conflict) => conflict.columns(['kind', 'name']).doUpdateSet(row)),
  )
  return { kind: 'written', value }
}

export const deleteScope = (
  kind: StoredScope['kind'],
  name: string,
  version: number | null,
  audit: AuditEntry | null,
): Steps<Written<StoredScope>> => changeAccess(audit, removeScope({ kind, name }, version))

function* removeScope(named: ScopeName, version: number | null): Steps<Written<StoredScope>> {
  const found = yield* findScope(named)
  const refused = refusal(found, version)
  if (!found || refused) return refused ?? { kind: 'missing' }
  yield* change(
    build.deleteFrom('scopes').where('kind', '=', named.kind).where('name', '=', named.name),
  )
  return { kind: 'written', value: found }
}

const toScope = ({ updated_at: updatedAt, limits, budget, ...rest }: ScopesTable): StoredScope => ({
  ...rest,
  updatedAt,
  limits: parse(limits),
  budget: parse(budget),
})
