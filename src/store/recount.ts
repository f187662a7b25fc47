import { sql } from 'kysely'
import { addToBudgets } from './budget-rows.ts'
import { budgetName } from './ledger-rows.ts'
import type { BudgetState, Recount } from './ledger-store.ts'
import { build } from './query-builder.ts'
import type { UsageCounts, UsageDimensions } from './schema-ledger.ts'
import { change, rows, type Steps } from './steps.ts'
import { dimensionColumns, hourMs, nextStartOf } from './usage-grains.ts'
import { addUsage, countColumns, type Usage } from './usage-sums.ts'

/**
 * What is off, and by how much. Both sides of each difference were read at one moment and move together, so it stays
 * true while others go on settling.
 */
export interface Drift {
  /** Which correction this one would follow; another in between makes it void. */
  readonly recounts: number
  readonly budgets: readonly (BudgetState & {
    readonly countedNanos: number
    readonly countedLeasedNanos: number
  })[]
  /** What is missing in the sums. */
  readonly usage: readonly Usage[]
}

export function* findDrift(since: number): Steps<Drift> {
  const query = build.selectFrom('ledger_state').select(['pruned_before', 'recounts'])
  const { pruned_before: pruned = 0, recounts = 0 } = (yield* rows(query))[0] ?? {}
  // What was removed cannot be counted any more.
  const from = Math.max(since, pruned)
  const budgets = yield* rows(driftOfBudgets(from))
  const usage = yield* rows(driftOfHours(nextStartOf('hour', from)))
  return {
    recounts,
    budgets: budgets.map((row) => ({
      scope: row.scope,
      scopeId: row.scope_id,
      windowAt: row.window_at,
      spentNanos: row.spent,
      leasedNanos: row.leased,
      countedNanos: row.counted,
      countedLeasedNanos: row.counted_leased,
    })),
    usage: usage.map(({ hour, ...row }) => ({ at: hour, dimensions: row, counts: row })),
  }
}

/** Windows that began since: whatever was charged to them was settled since as well. */
function driftOfBudgets(from: number) {
  const counted = sql`select charge.key as name, cast(sum(cast(cast(charge.value as text) as bigint)) as bigint) as nanos
    from ledger, json_each(ledger.charges) as charge where ledger.at >= ${from} group by charge.key`
  const held = sql`select scope, scope_id, window_at, cast(sum(nanos) as bigint) as nanos
    from budget_leases group by scope, scope_id, window_at`
  return build
    .selectFrom(
      sql<BudgetDrift>`(select budgets.*, coalesce(counted.nanos, 0) as counted,
          coalesce(held.nanos, 0) as counted_leased
        from budgets
        left join (${counted}) as counted
          on counted.name = budgets.scope || '/' || cast(budgets.window_at as text) || '/' || budgets.scope_id
        left join (${held}) as held
          on held.scope = budgets.scope and held.scope_id = budgets.scope_id
            and held.window_at = budgets.window_at
        where budgets.window_at >= ${from})`.as('drift'),
    )
    .selectAll()
    .where(sql<boolean>`(spent <> counted or leased <> counted_leased)`)
}

interface BudgetDrift {
  scope: BudgetState['scope']
  scope_id: string
  window_at: number
  spent: number
  leased: number
  counted: number
  counted_leased: number
}

function driftOfHours(from: number) {
  const names = sql.join(dimensionColumns.map((column) => sql.ref(column)))
  const sum = (value: string, name: keyof UsageCounts) =>
    sql`cast(sum(${sql.raw(value)}) as bigint) as ${sql.ref(name)}`
  const counted = sql`select ${sql.raw(`at - at % ${hourMs}`)} as hour, ${names}, ${sql.join([
    sum(`case when role = 'first' then 1 else 0 end`, 'calls'),
    sum('1', 'attempts'),
    sum('input_tokens', 'input_tokens'),
    sum('output_tokens', 'output_tokens'),
    sum('cached_input_tokens', 'cached_input_tokens'),
    sum('reasoning_tokens', 'reasoning_tokens'),
    sum('coalesce(cost_nanos, 0)', 'cost_nanos'),
    sum(
      'case when cost_nanos is null and (input_tokens > 0 or output_tokens > 0) then 1 else 0 end',
      'unpriced',
    ),
    sum('estimated', 'estimated'),
  ])} from ledger where kind = 'usage' and at >= ${from} group by ${sql.raw(`at - at % ${hourMs}`)}, ${names}`
  const kept = sql`select usage_sums.at as hour, ${names}, ${sql.join(
    countColumns.map((column) => sql`-${sql.ref(`usage_sums.${column}`)}`),
  )} from usage_sums join usage_slots on usage_slots.id = usage_sums.slot
    where usage_sums.grain = 0 and usage_sums.at >= ${from}`
  const missing = countColumns.map((column) => sum(column, column))
  const differs = countColumns.map((column) => sql`${sql.ref(column)} <> 0`)
  return build
    .selectFrom(
      sql<{ hour: number } & UsageDimensions & UsageCounts>`(
        select hour, ${names}, ${sql.join(missing)}
        from (${counted} union all ${kept}) as both_sides group by hour, ${names})`.as('drift'),
    )
    .selectAll()
    .where(sql<boolean>`(${sql.join(differs, sql` or `)})`)
}

export function* correctDrift(drift: Drift): Steps<Recount> {
  const nothing = { budgets: [], usageRows: 0 }
  if (drift.budgets.length === 0 && drift.usage.length === 0) return nothing
  const turn = build
    .updateTable('ledger_state')
    .set({ recounts: drift.recounts + 1 })
    .where('recounts', '=', drift.recounts)
  if ((yield* change(turn)) === 0) return nothing
  yield* addUsage(drift.usage)
  yield* addToBudgets(
    new Map(
      drift.budgets.map((one) => [
        budgetName(one),
        {
          spent: one.countedNanos - one.spentNanos,
          leased: one.countedLeasedNanos - one.leasedNanos,
        },
      ]),
    ),
  )
  const budgets = drift.budgets.map(({ countedLeasedNanos: _, ...one }) => one)
  return { budgets, usageRows: drift.usage.length }
}
