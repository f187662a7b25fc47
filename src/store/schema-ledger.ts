import type { ScopeKind } from '../core/allowance.ts'
import type { LedgerRow } from './ledger-store.ts'

/** What money and usage are kept in. Times are epoch ms, money whole nano-dollars. */
export interface LedgerSchema {
  ledger: LedgerTable
  ledger_state: LedgerStateTable
  usage_slots: UsageSlotsTable
  usage_sums: UsageSumsTable
  budgets: BudgetsTable
  budget_leases: BudgetLeasesTable
}

export interface LedgerTable {
  id: string
  call_id: string
  at: number
  kind: LedgerRow['kind']
  outcome: LedgerRow['outcome']
  role: LedgerRow['role']
  form: LedgerRow['form']
  key_id: string
  key_name: string
  team_id: string
  customer_id: string
  route: string
  provider: string
  model: string
  provider_key: string
  input_tokens: number
  output_tokens: number
  cached_input_tokens: number
  cache_write_tokens: number
  reasoning_tokens: number
  audio_input_tokens: number
  audio_output_tokens: number
  estimated: number
  cost_nanos: number | null
  price: string
  /** A JSON object: nano-dollars by `<scope>/<window_at>/<scope_id>`. */
  charges: string
}

/** One row. */
interface LedgerStateTable {
  id: number
  /** Rows older than this may be gone: nothing before it can be counted anew. */
  pruned_before: number
  /** Counts up with every correction, so that two at once do not both correct. */
  recounts: number
}

/** A combination of dimensions under a small number: sums are many, combinations are few. */
interface UsageSlotsTable extends UsageDimensions {
  id: number
  /** All dimensions as one text. */
  name: string
}

export interface UsageDimensions {
  key_id: string
  team_id: string
  customer_id: string
  route: string
  provider: string
  model: string
  outcome: string
  form: string
}

/** Sums of a stretch of time, several times over: see `usage-grains.ts`. */
interface UsageSumsTable extends UsageCounts {
  grain: number
  at: number
  slot: number
}

export interface UsageCounts {
  calls: number
  attempts: number
  input_tokens: number
  output_tokens: number
  cached_input_tokens: number
  reasoning_tokens: number
  cost_nanos: number
  unpriced: number
  estimated: number
}

interface BudgetKey {
  scope: ScopeKind
  scope_id: string
  window_at: number
}

export interface BudgetsTable extends BudgetKey {
  spent: number
  /** What all nodes hold: the sum of their rows in `budget_leases`. */
  leased: number
}

/** Changed only under the lock of its budget's row. */
interface BudgetLeasesTable extends BudgetKey {
  node: string
  nanos: number
}
