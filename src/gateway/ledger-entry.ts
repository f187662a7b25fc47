import type { Attempt, AttemptHold, Call } from '../core/call.ts'
import type { Usage } from '../core/chat.ts'
import { nanosPerDollar } from '../core/money.ts'
import { costOf } from '../core/price.ts'
import type { Charge, LedgerRow } from '../store/ledger-store.ts'

/** A line of the ledger with what it takes from budgets. */
export interface LedgerEntry {
  readonly row: LedgerRow
  readonly charges: readonly Charge[]
}

/**
 * Beyond what any call can come to: a provider that tells nonsense must not make a sum that nobody can count, nor a line
 * that no store takes.
 */
const atMost = { tokens: 1_000_000_000, nanos: 10_000 * nanosPerDollar }
const countable = (tokens: number | undefined): number => Math.min(tokens ?? 0, atMost.tokens)

type Way = Pick<Attempt, 'provider' | 'model' | 'key' | 'role'>

/** What an attempt came to. `at` is epoch ms. */
export function entryOf(
  call: Call,
  way: Way,
  hold: AttemptHold,
  usage: Usage | null,
  outcome: LedgerRow['outcome'],
  at: number,
): LedgerEntry {
  const { price } = hold
  // What used nothing cost nothing, whether or not there is a price.
  const costNanos =
    usage === null ? 0 : price === null ? null : Math.min(costOf(usage, price), atMost.nanos)
  const row = {
    id: hold.id,
    callId: call.id,
    at,
    kind: 'usage' as const,
    outcome,
    role: way.role,
    form: call.job ? ('job' as const) : call.stream ? ('stream' as const) : ('plain' as const),
    keyId: call.principal?.id ?? '',
    key: call.principal?.name ?? '',
    teamId: call.principal?.teamId ?? '',
    customerId: call.principal?.customerId ?? '',
    route: call.asked ?? '',
    provider: way.provider,
    model: way.model,
    providerKey: way.key ?? '',
    inputTokens: countable(usage?.inputTokens),
    outputTokens: countable(usage?.outputTokens),
    cachedInputTokens: countable(usage?.cachedInputTokens),
    cacheWriteTokens: countable(usage?.cacheWriteTokens),
    reasoningTokens: countable(usage?.reasoningTokens),
    audioInputTokens: countable(usage?.audioInputTokens),
    audioOutputTokens: countable(usage?.audioOutputTokens),
    estimated: usage?.estimated ?? false,
    costNanos,
    price: price?.source ?? '',
  }
  const spentNanos = costNanos ?? 0
  const charges = spentNanos > 0 ? hold.windows.map((each) => ({ ...each, spentNanos })) : []
  return { row, charges }
}

const given = new Set(['client_closed', 'gateway_shutdown', 'outrun', 'job_cancelled'])

/** How an attempt went, for the ledger: `aborted` is what we gave up ourselves. */
export function outcomeOf({ error }: Pick<Attempt, 'error'>): LedgerRow['outcome'] {
  if (error === null) return 'answered'
  return given.has(error.code) ? 'aborted' : 'failed'
}
