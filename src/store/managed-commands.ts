import { sql } from 'kysely'
import { changeAccess, findMissingOwner, refusal } from './access-changes.ts'
import type {
  AuditEntry,
  ManagedKind,
  ManagedKinds,
  ManagedPatch,
  Page,
  Written,
} from './access-store.ts'
import { nameHas } from './find-names.ts'
import { keepings } from './managed-rows.ts'
import { build } from './query-builder.ts'
import { change, rows, type Steps } from './steps.ts'

type AnyManaged = ManagedKinds[ManagedKind]

/** The table of a kind, spoken to as if it were the teams': what is asked for here, all of them have. */
const tableOf = (kind: ManagedKind): 'teams' => keepings[kind].table as 'teams'

export function* listManaged(
  kind: ManagedKind,
  page: Page,
  search: string | null = null,
): Steps<readonly AnyManaged[]> {
  const table = tableOf(kind)
  let query = build
    .selectFrom(table)
    .selectAll()
    .where(nameHas(search))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
  if (page.after !== null) {
    const last = build.selectFrom(table).select(['created_at', 'id']).where('id', '=', page.after)
    const found = (yield* rows(last))[0]
    if (!found) return []
    query = query.where(sql<boolean>`(created_at, id) < (${found.created_at}, ${found.id})`)
  }
  return (yield* rows(query)).map((row) => keepings[kind].fromRow(row))
}

export function* findManaged(kind: ManagedKind, id: string): Steps<AnyManaged | null> {
  const query = build.selectFrom(tableOf(kind)).selectAll().where('id', '=', id)
  const row = (yield* rows(query))[0]
  return row ? keepings[kind].fromRow(row) : null
}

export const createManaged = (
  kind: ManagedKind,
  value: AnyManaged,
  audit: AuditEntry | null,
): Steps<Written<AnyManaged>> => changeAccess(audit, insertManaged(kind, value))

function* insertManaged(kind: ManagedKind, value: AnyManaged): Steps<Written<AnyManaged>> {
  const refused = yield* findConflict(kind, value)
  if (refused) return refused
  yield* change(build.insertInto(tableOf(kind)).values(keepings[kind].toRow(value)))
  return { kind: 'written', value }
}

export const updateManaged = (
  kind: ManagedKind,
  id: string,
  version: number | null,
  patch: ManagedPatch<ManagedKind>,
  now: number,
  audit: AuditEntry | null,
): Steps<Written<AnyManaged>> => changeAccess(audit, rewriteManaged(kind, id, version, patch, now))

function* rewriteManaged(
  kind: ManagedKind,
  id: string,
  version: number | null,
  patch: ManagedPatch<ManagedKind>,
  now: number,
): Steps<Written<AnyManaged>> {
  const found = yield* findManaged(kind, id)
  const refused = refusal(found ?? undefined, version)
  if (!found || refused) return refused ?? { kind: 'missing' }
  const value = { ...found, ...patch, version: found.version + 1, updatedAt: now } as AnyManaged
  const conflict = yield* findConflict(kind, value)
  if (conflict) return conflict
  yield* change(
    build.updateTable(tableOf(kind)).set(keepings[kind].toRow(value)).where('id', '=', id),
  )
  return { kind: 'written', value }
}

/** Why it may not stand there like this; null: it may. */
function* findConflict(kind: ManagedKind, value: AnyManaged): Steps<Written<never> | null> {
  if ('customerId' in value) {
    const missing = yield* findMissingOwner({ customerId: value.customerId })
    if (missing) return missing
  }
  let named = build
    .selectFrom(tableOf(kind))
    .select('id')
    .where('name', '=', value.name)
    .where('id', '<>', value.id)
  if ('provider' in value) named = named.where(sql<boolean>`provider = ${value.provider}`)
  return (yield* rows(named)).length > 0 ? { kind: 'name_taken' } : null
}

export const deleteManaged = (
  kind: ManagedKind,
  id: string,
  version: number | null,
  audit: AuditEntry | null,
): Steps<Written<AnyManaged>> => changeAccess(audit, removeManaged(kind, id, version))

function* removeManaged(
  kind: ManagedKind,
  id: string,
  version: number | null,
): Steps<Written<AnyManaged>> {
  const found = yield* findManaged(kind, id)
  const refused = refusal(found ?? undefined, version)
  if (!found || refused) return refused ?? { kind: 'missing' }
  const by = yield* findUser(kind, found)
  if (by !== null) return { kind: 'in_use', by }
  yield* change(build.deleteFrom(tableOf(kind)).where('id', '=', id))
  return { kind: 'written', value: found }
}

/** What refers to it: its kind and name; null: nothing. */
function* findUser(kind: ManagedKind, { id, name }: AnyManaged): Steps<string | null> {
  const belonging = {
    team: [['key', 'team_id', id]],
    customer: [
      ['key', 'customer_id', id],
      ['team', 'customer_id', id],
    ],
    provider: [['provider key', 'provider', name]],
    provider_key: [],
  } as const
  const tables = { key: 'virtual_keys', team: 'teams', 'provider key': 'provider_keys' } as const
  for (const [what, column, value] of belonging[kind]) {
    let query = build
      .selectFrom(tables[what] as 'teams')
      .select('name')
      .where(sql.ref(column), '=', value)
      .limit(1)
    if (what === 'key') query = query.where(sql.ref('deleted_at'), 'is', null)
    const user = (yield* rows(query))[0]
    if (user) return `${what} ${user.name}`
  }
  return null
}
