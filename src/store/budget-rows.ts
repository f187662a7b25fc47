import { sql } from 'kysely'
import { type Cell, type ColumnType, givenRows } from './bulk.ts'
import { budgetNamed } from './ledger-rows.ts'
import type { BudgetState } from './ledger-store.ts'
import { build } from './query-builder.ts'
import type { BudgetsTable } from './schema-ledger.ts'
import { change, rows, type Steps } from './steps.ts'

const refTypes = ['text', 'text', 'bigint'] as const satisfies readonly ColumnType[]
const refColumns = ['scope', 'scope_id', 'window_at'] as const

/** In one order everywhere: two commands that want the same budgets must not wait for each other. */
const ordered = (names: Iterable<string>): string[] => [...names].toSorted()

const cellsOf = (name: string): readonly Cell[] => {
  const { scope, scopeId, windowAt } = budgetNamed(name)
  return [scope, scopeId, windowAt]
}

export const toState = (row: BudgetsTable): BudgetState => ({
  scope: row.scope,
  scopeId: row.scope_id,
  windowAt: row.window_at,
  spentNanos: row.spent,
  leasedNanos: row.leased,
})

/**
 * Adds to budgets by name and holds their rows until the command ends; those that are new begin with nothing. Answers
 * them as they are then.
 */
export function* addToBudgets(
  added: ReadonlyMap<string, { readonly spent?: number; readonly leased?: number }>,
): Steps<readonly BudgetState[]> {
  if (added.size === 0) return []
  const list = ordered(added.keys()).map((name) => {
    const { spent = 0, leased = 0 } = added.get(name) ?? {}
    return [...cellsOf(name), spent, leased]
  })
  const query = build
    .insertInto('budgets')
    .columns([...refColumns, 'spent', 'leased'])
    .expression(givenRows([...refTypes, 'bigint', 'bigint'], list))
    .onConflict((conflict) =>
      conflict.columns(refColumns).doUpdateSet((row) => ({
        spent: row('budgets.spent', '+', row.ref('excluded.spent')),
        leased: row('budgets.leased', '+', row.ref('excluded.leased')),
      })),
    )
    .returningAll()
  return (yield* rows(query)).map(toState)
}

/** Holds their rows until the command ends, and makes those that are not there. */
export const lockBudgets = (names: Iterable<string>): Steps<readonly BudgetState[]> =>
  addToBudgets(new Map([...names].map((name) => [name, {}])))

/** What the node holds of each, by name; what it holds nothing of is left out. Their budgets' rows must be held. */
export function* readLeases(node: string, names: Iterable<string>): Steps<Map<string, number>> {
  const refs = givenRows(refTypes, ordered(names).map(cellsOf))
  const query = build
    .selectFrom('budget_leases')
    .select(['scope', 'scope_id', 'window_at', 'nanos'])
    .where('node', '=', node)
    .where(sql<boolean>`(scope, scope_id, window_at) in (${refs})`)
  const found = yield* rows(query)
  return new Map(found.map((row) => [`${row.scope}/${row.window_at}/${row.scope_id}`, row.nanos]))
}

/** What the node holds of each from now on. Their budgets' rows must be held. */
export function* writeLeases(node: string, leases: ReadonlyMap<string, number>): Steps<void> {
  const kept = ordered(leases.keys()).filter((name) => leases.get(name) !== 0)
  const ended = ordered(leases.keys()).filter((name) => leases.get(name) === 0)
  if (kept.length > 0)
    yield* change(
      build
        .insertInto('budget_leases')
        .columns(['node', ...refColumns, 'nanos'])
        .expression(
          givenRows(
            ['text', ...refTypes, 'bigint'],
            kept.map((name) => [node, ...cellsOf(name), leases.get(name) ?? 0]),
          ),
        )
        .onConflict((conflict) =>
          conflict
            .columns(['node', ...refColumns])
            .doUpdateSet((row) => ({ nanos: row.ref('excluded.nanos') })),
        ),
    )
  if (ended.length > 0)
    yield* change(
      build
        .deleteFrom('budget_leases')
        .where('node', '=', node)
        .where(
          sql<boolean>`(scope, scope_id, window_at) in (${givenRows(refTypes, ended.map(cellsOf))})`,
        ),
    )
}
