import type {
  BudgetResource,
  LimitsResource,
} from '../../../../src/api/admin/contract-allowance.ts'
import type { createVirtualKey, listVirtualKeys } from '../../../../src/api/admin/contract-keys.ts'
import type { BudgetStateResource, listBudgets } from '../../../../src/api/admin/contract-money.ts'
import type { listCustomers, listTeams } from '../../../../src/api/admin/contract-tenants.ts'
import type { Answer } from '../../data/ask.ts'

export type KeyPage = Answer<typeof listVirtualKeys>
export type VirtualKey = KeyPage['data'][number]
export type NewKey = Answer<typeof createVirtualKey>
export type Team = Answer<typeof listTeams>['data'][number]
export type Customer = Answer<typeof listCustomers>['data'][number]
export type Budgets = Answer<typeof listBudgets>
export type { BudgetResource, BudgetStateResource, LimitsResource }

export const keysPath = '/api/virtual-keys'

export function stateOf(key: VirtualKey, now: number): 'on' | 'off' | 'expired' | 'shadowed' {
  if (key.shadowed) return 'shadowed'
  if (!key.enabled) return 'off'
  return key.expires_at !== null && Date.parse(key.expires_at) <= now ? 'expired' : 'on'
}

export function limitsText(limits: LimitsResource | null): string {
  if (limits === null) return '–'
  const parts = [
    limits.requests && `${limits.requests} requests`,
    limits.tokens && `${limits.tokens} tokens`,
    limits.concurrency && `${limits.concurrency} at once`,
  ]
  return parts.filter(Boolean).join(', ') || '–'
}
