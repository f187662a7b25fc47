import type { ScopeKind } from '../core/allowance.ts'
import type { Cell, ColumnType } from './bulk.ts'
import type { BudgetRef, Charge, ChargedRow, LedgerRow } from './ledger-store.ts'
import type { LedgerTable } from './schema-ledger.ts'

export const ledgerColumns = [
  'id',
  'call_id',
  'kind',
  'outcome',
  'role',
  'form',
  'key_id',
  'key_name',
  'team_id',
  'customer_id',
  'route',
  'provider',
  'model',
  'provider_key',
  'price',
  'at',
  'input_tokens',
  'output_tokens',
  'cached_input_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'audio_input_tokens',
  'audio_output_tokens',
  'estimated',
  'cost_nanos',
  'charges',
] as const satisfies readonly (keyof LedgerTable)[]

export const ledgerTypes: readonly ColumnType[] = ledgerColumns.map((column, i) =>
  column === 'charges' ? 'json' : i < ledgerColumns.indexOf('at') ? 'text' : 'bigint',
)

/** In the order of the columns. */
export const ledgerCells = (
  row: LedgerRow,
  charges: readonly Charge[],
): readonly [string, ...Cell[]] => [
  row.id,
  row.callId,
  row.kind,
  row.outcome,
  row.role,
  row.form,
  row.keyId,
  row.key,
  row.teamId,
  row.customerId,
  row.route,
  row.provider,
  row.model,
  row.providerKey,
  row.price,
  row.at,
  row.inputTokens,
  row.outputTokens,
  row.cachedInputTokens,
  row.cacheWriteTokens,
  row.reasoningTokens,
  row.audioInputTokens,
  row.audioOutputTokens,
  row.estimated ? 1 : 0,
  row.costNanos,
  Object.fromEntries(sumCharges(charges)),
]

export const toChargedRow = (row: LedgerTable): ChargedRow => ({
  id: row.id,
  callId: row.call_id,
  at: row.at,
  kind: row.kind,
  outcome: row.outcome,
  role: row.role,
  form: row.form,
  keyId: row.key_id,
  key: row.key_name,
  teamId: row.team_id,
  customerId: row.customer_id,
  route: row.route,
  provider: row.provider,
  model: row.model,
  providerKey: row.provider_key,
  inputTokens: row.input_tokens,
  outputTokens: row.output_tokens,
  cachedInputTokens: row.cached_input_tokens,
  cacheWriteTokens: row.cache_write_tokens,
  reasoningTokens: row.reasoning_tokens,
  audioInputTokens: row.audio_input_tokens,
  audioOutputTokens: row.audio_output_tokens,
  estimated: row.estimated === 1,
  costNanos: row.cost_nanos,
  price: row.price,
  charges: readCharges(row.charges),
})

/** A budget's window as one text. The scope's id stands last: it may be any. */
export const budgetName = ({ scope, scopeId, windowAt }: BudgetRef): string =>
  `${scope}/${windowAt}/${scopeId}`

export function budgetNamed(name: string): BudgetRef {
  const [scope = '', windowAt = '', ...rest] = name.split('/')
  return { scope: scope as ScopeKind, scopeId: rest.join('/'), windowAt: Number(windowAt) }
}

/** Nano-dollars by the budget's name. */
export function sumCharges(charges: Iterable<Charge>): Map<string, number> {
  const sums = new Map<string, number>()
  for (const charge of charges) {
    const name = budgetName(charge)
    sums.set(name, (sums.get(name) ?? 0) + charge.spentNanos)
  }
  return sums
}

const readCharges = (json: string): readonly Charge[] =>
  Object.entries(JSON.parse(json) as Readonly<Record<string, number>>).map(
    ([name, spentNanos]) => ({
      ...budgetNamed(name),
      spentNanos,
    }),
  )
