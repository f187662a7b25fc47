import type { Redactor } from '../../src/core/redactor.ts'
import type { Clock } from '../../src/core/runtime.ts'
import { Bookkeeper } from '../../src/gateway/bookkeeper.ts'
import { LedgerWriter } from '../../src/gateway/ledger-writer.ts'
import { type BudgetBank, BudgetBook } from '../../src/governance/budget-book.ts'
import { LimitBook } from '../../src/governance/limit-book.ts'
import { readLines } from '../../src/store/ledger-line.ts'
import type { LedgerRow } from '../../src/store/ledger-store.ts'

/** A bookkeeper whose ledger is a list, and whose bank has what every budget says. */
export function openBooks(clock: Clock): {
  readonly books: Bookkeeper
  readonly rows: LedgerRow[]
} {
  const rows: LedgerRow[] = []
  const taken = new Map<string, number>()
  const bank: BudgetBank = {
    async lease(wishes) {
      return wishes.map(({ scope, scopeId, windowAt, limitNanos, wantNanos }) => {
        const key = `${scope}:${scopeId}:${windowAt}`
        const before = taken.get(key) ?? 0
        const granted = Math.max(0, Math.min(wantNanos, limitNanos - before))
        taken.set(key, before + granted)
        return granted
      })
    },
    async giveBack() {},
  }
  const writer = new LedgerWriter({
    clock,
    node: 'test',
    warn() {},
    store: {
      async settleAttempts(_node, lines) {
        rows.push(...readLines(lines).map(({ row }) => row))
        return { written: lines.length }
      },
    },
  })
  const limits = new LimitBook(clock)
  const budgets = new BudgetBook(bank, clock)
  const redact: Redactor = (text) => text
  const books = new Bookkeeper({
    ...{ clock, limits, budgets, writer, intents: null },
    redact: () => redact,
  })
  return { books, rows }
}
