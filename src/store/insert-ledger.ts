import type { Settled } from './ledger-line.ts'
import { ledgerColumns, ledgerTypes } from './ledger-rows.ts'
import { insertNew, type Steps } from './steps.ts'

/** Answers those that were not there yet. */
export function* insertLedger(settled: readonly Settled[]): Steps<readonly Settled[]> {
  // One per id, and in one order: two processes that settle the same must not wait for each other.
  const byId = new Map<string, Settled>()
  for (const one of settled) if (!byId.has(one.row.id)) byId.set(one.row.id, one)
  if (byId.size === 0) return []
  const list = [...byId.keys()].toSorted().flatMap((id) => byId.get(id) ?? [])
  const inserted = yield* insertNew({
    table: 'ledger',
    key: 'id',
    columns: ledgerColumns,
    types: ledgerTypes,
    list: list.map(({ cells }) => cells),
  })
  const written = new Set(inserted)
  return list.filter(({ row }) => written.has(row.id))
}
