import { sql } from 'kysely'
import { toChargedRow } from './ledger-rows.ts'
import type { ChargedRow, LedgerFilter } from './ledger-store.ts'
import { build } from './query-builder.ts'
import { change, rows, type Steps } from './steps.ts'

export function* listLedger(filter: LedgerFilter): Steps<readonly ChargedRow[]> {
  let query = build
    .selectFrom('ledger')
    .selectAll()
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(Math.min(filter.limit, 1000))
  if (filter.callId !== null) query = query.where('call_id', '=', filter.callId)
  if (filter.before !== null)
    query = query.where(sql<boolean>`(at, id) < (${filter.before.at}, ${filter.before.id})`)
  return (yield* rows(query)).map(toChargedRow)
}

const mostAtOnce = 10_000

export function* pruneLedger(before: number): Steps<number> {
  const old = build
    .selectFrom('ledger')
    .select('id')
    .where('at', '<', before)
    .orderBy('at')
    .orderBy('id')
    .limit(mostAtOnce)
  const pruned = yield* change(build.deleteFrom('ledger').where('id', 'in', old))
  yield* change(
    build
      .updateTable('ledger_state')
      .set({ pruned_before: before })
      .where('pruned_before', '<', before),
  )
  yield* pruneBudgets(before)
  return pruned
}

/** Windows that were followed by others of the same budget, and that nobody holds anything of. */
function* pruneBudgets(before: number): Steps<void> {
  yield* change(
    build
      .deleteFrom('budgets')
      .where('window_at', '<', before)
      .where('leased', '=', 0)
      .where((budget) =>
        budget.exists(
          budget
            .selectFrom('budgets as later')
            .select('later.window_at')
            .whereRef('later.scope', '=', 'budgets.scope')
            .whereRef('later.scope_id', '=', 'budgets.scope_id')
            .whereRef('later.window_at', '>', 'budgets.window_at')
            .where('later.window_at', '<', before),
        ),
      ),
  )
}
