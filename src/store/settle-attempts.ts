import { sql } from 'kysely'
import { takeFromLeases } from './budget-commands.ts'
import { addToBudgets } from './budget-rows.ts'
import { givenRows } from './bulk.ts'
import { insertLedger } from './insert-ledger.ts'
import { readLines } from './ledger-line.ts'
import { sumCharges, toChargedRow } from './ledger-rows.ts'
import type { Charge, ChargedRow, LedgerLine } from './ledger-store.ts'
import { build } from './query-builder.ts'
import { alone, change, rows, type Steps } from './steps.ts'
import { addUsage, usageOf } from './usage-sums.ts'

// Everything is locked in one order: rows of the ledger, sums, budgets, leases.

export function* settleAttempts(
  node: string,
  lines: readonly LedgerLine[],
): Steps<{ readonly written: number }> {
  const written = yield* insertLedger(readLines(lines))
  yield* addUsage(written.flatMap(({ row }) => usageOf(row)))
  const spent = sumCharges(written.flatMap(({ charges }) => charges))
  yield* chargeBudgets(spent)
  yield* takeFromLeases(node, spent)
  return { written: written.length }
}

function* chargeBudgets(spent: ReadonlyMap<string, number>): Steps<void> {
  yield* addToBudgets(new Map([...spent].map(([name, nanos]) => [name, { spent: nanos }])))
}

export function* repriceRows(
  priced: readonly {
    readonly id: string
    readonly costNanos: number
    readonly price: string
    readonly charges: readonly Charge[]
  }[],
): Steps<number> {
  // Two that price the same rows in another order would wait for each other.
  yield* alone('reprice')
  const wanted = new Map(priced.map((one) => [one.id, one]))
  const before = yield* readRows([...wanted.keys()])
  const changed = before.flatMap((row) => {
    const next = wanted.get(row.id)
    return next && row.kind === 'usage' ? [{ row, next }] : []
  })
  if (changed.length === 0) return 0
  yield* writePrices(changed.map(({ next }) => next))
  yield* addUsage(
    changed.flatMap(({ row, next: { costNanos, price } }) => [
      ...usageOf(row, -1),
      ...usageOf({ ...row, costNanos, price }),
    ]),
  )
  const spent = sumCharges(
    changed.flatMap(({ row, next }) => [
      ...next.charges,
      ...row.charges.map((charge) => ({ ...charge, spentNanos: -charge.spentNanos })),
    ]),
  )
  yield* chargeBudgets(new Map([...spent].filter(([, nanos]) => nanos !== 0)))
  return changed.length
}

function* readRows(ids: readonly string[]): Steps<readonly ChargedRow[]> {
  const given = givenRows(
    ['text'],
    ids.map((id) => [id]),
  )
  const query = build.selectFrom('ledger').selectAll().where('id', 'in', sql<string>`(${given})`)
  return (yield* rows(query)).map(toChargedRow)
}

function* writePrices(
  priced: readonly {
    readonly id: string
    readonly costNanos: number
    readonly price: string
    readonly charges: readonly Charge[]
  }[],
): Steps<void> {
  const given = givenRows(
    ['text', 'bigint', 'text', 'json'],
    priced.map(({ id, costNanos, price, charges }) => [
      id,
      costNanos,
      price,
      Object.fromEntries(sumCharges(charges)),
    ]),
  )
  yield* change(
    build
      .updateTable('ledger')
      .from(sql<{ c0: string; c1: number; c2: string; c3: string }>`(${given})`.as('priced'))
      .set((row) => ({
        cost_nanos: row.ref('priced.c1'),
        price: row.ref('priced.c2'),
        charges: row.ref('priced.c3'),
      }))
      .whereRef('ledger.id', '=', 'priced.c0'),
  )
}
