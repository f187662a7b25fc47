import type { BudgetRef, Charge, LeaseWish, LedgerRow } from '../src/store/ledger-store.ts'
import type { Store } from '../src/store/store.ts'

/** A thousand dollars, and where nothing else is said, the first window. */
export const ref = (scopeId: string, windowAt = 0): BudgetRef => ({
  scope: 'key',
  scopeId,
  windowAt,
})

export const wish = (scopeId: string, wantNanos: number, limitNanos = 1000): LeaseWish => ({
  ...ref(scopeId),
  limitNanos,
  wantNanos,
})

export const charge = (scopeId: string, spentNanos: number, windowAt = 0): Charge => ({
  ...ref(scopeId, windowAt),
  spentNanos,
})

export function ledgerRow(id: string, differences: Partial<LedgerRow> = {}): LedgerRow {
  return {
    id,
    callId: id.split('/')[0] ?? id,
    at: 1000,
    kind: 'usage',
    outcome: 'answered',
    role: 'first',
    form: 'plain',
    keyId: 'k1',
    key: 'backend',
    teamId: 't1',
    customerId: '',
    route: 'openai/gpt-4o',
    provider: 'openai',
    model: 'gpt-4o',
    providerKey: 'main',
    inputTokens: 10,
    outputTokens: 5,
    cachedInputTokens: 3,
    cacheWriteTokens: 2,
    reasoningTokens: 1,
    audioInputTokens: 0,
    audioOutputTokens: 0,
    estimated: false,
    costNanos: 100,
    price: 'list 2026-01-01',
    ...differences,
  }
}

/** Spent and taken ahead of the key's budget. */
export async function moneyOf(store: Store, scopeId: string, windowAt = 0) {
  const [state] = await store.readBudgets([ref(scopeId, windowAt)])
  return [state?.spentNanos, state?.leasedNanos]
}
