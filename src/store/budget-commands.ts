import { sql } from 'kysely'
import type { Nanos } from '../core/money.ts'
import { addToBudgets, lockBudgets, readLeases, toState, writeLeases } from './budget-rows.ts'
import { givenRows } from './bulk.ts'
import { insertLedger } from './insert-ledger.ts'
import { settle } from './ledger-line.ts'
import { budgetName, budgetNamed } from './ledger-rows.ts'
import type { BudgetRef, BudgetState, LeaseWish, LedgerRow } from './ledger-store.ts'
import { build } from './query-builder.ts'
import { rows, type Steps } from './steps.ts'

const byName = (states: readonly BudgetState[]): Map<string, BudgetState> =>
  new Map(states.map((state) => [budgetName(state), state]))

export function* leaseBudgets(
  node: string,
  wishes: readonly LeaseWish[],
  _now: number,
): Steps<readonly Nanos[]> {
  const states = byName(yield* lockBudgets(new Set(wishes.map(budgetName))))
  const taken = new Map<string, number>()
  const granted = wishes.map((wish) => {
    const name = budgetName(wish)
    const before = taken.get(name) ?? 0
    const { spentNanos = 0, leasedNanos = 0 } = states.get(name) ?? {}
    const left = wish.limitNanos - spentNanos - leasedNanos - before
    const nanos = Math.max(0, Math.min(wish.wantNanos, left))
    if (nanos > 0) taken.set(name, before + nanos)
    return nanos
  })
  if (taken.size === 0) return granted
  yield* addToBudgets(new Map([...taken].map(([name, leased]) => [name, { leased }])))
  const held = yield* readLeases(node, taken.keys())
  yield* writeLeases(
    node,
    new Map([...taken].map(([name, nanos]) => [name, nanos + (held.get(name) ?? 0)])),
  )
  return granted
}

export function* returnLeases(
  node: string,
  back: readonly (BudgetRef & { readonly nanos: Nanos })[],
): Steps<void> {
  const given = new Map<string, number>()
  for (const one of back) {
    const name = budgetName(one)
    given.set(name, (given.get(name) ?? 0) + one.nanos)
  }
  yield* lockBudgets(given.keys())
  yield* takeFromLeases(node, given)
}

/** As far as the node's leases go. Their budgets' rows must be held. */
export function* takeFromLeases(node: string, nanos: ReadonlyMap<string, number>): Steps<void> {
  const held = yield* readLeases(node, nanos.keys())
  const left = new Map<string, number>()
  const less = new Map<string, { leased: number }>()
  for (const [name, lease] of held) {
    const taken = Math.min(lease, Math.max(0, nanos.get(name) ?? 0))
    if (taken === 0) continue
    left.set(name, lease - taken)
    less.set(name, { leased: -taken })
  }
  yield* writeLeases(node, left)
  yield* addToBudgets(less)
}

export function* endNodeLeases(
  node: string,
  shouldCharge: boolean,
  now: number,
): Steps<readonly BudgetState[]> {
  const known = yield* rows(
    build
      .selectFrom('budget_leases')
      .select(['scope', 'scope_id', 'window_at'])
      .where('node', '=', node),
  )
  const names = known.map((row) => `${row.scope}/${row.window_at}/${row.scope_id}`)
  if (names.length === 0) return []
  yield* lockBudgets(names)
  // Read once more: what was there before the lock may have been spent or given back meanwhile.
  const held = yield* readLeases(node, names)
  yield* writeLeases(node, new Map([...held.keys()].map((name) => [name, 0])))
  if (shouldCharge)
    yield* insertLedger([...held].map((one) => settle(unattributed(node, one, now))))
  const moved = new Map(
    [...held].map(([name, nanos]) => [name, { leased: -nanos, spent: shouldCharge ? nanos : 0 }]),
  )
  return yield* addToBudgets(moved)
}

function unattributed(node: string, [name, nanos]: readonly [string, number], now: number) {
  const ref = budgetNamed(name)
  const of = (scope: BudgetRef['scope']): string => (ref.scope === scope ? ref.scopeId : '')
  const row: LedgerRow = {
    id: `${node}/${name}/${now}`,
    callId: '',
    at: now,
    kind: 'unattributed',
    outcome: 'interrupted',
    role: 'first',
    form: 'plain',
    keyId: of('key'),
    key: '',
    teamId: of('team'),
    customerId: of('customer'),
    route: of('model'),
    provider: of('provider'),
    model: '',
    providerKey: '',
    inputTokens: 0,
    outputTokens: 0,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
    audioInputTokens: 0,
    audioOutputTokens: 0,
    estimated: true,
    costNanos: nanos,
    price: '',
  }
  return { row, charges: [{ ...ref, spentNanos: nanos }] }
}

export function* readBudgets(refs: readonly BudgetRef[]): Steps<readonly BudgetState[]> {
  if (refs.length === 0) return []
  const given = givenRows(
    ['text', 'text', 'bigint'],
    refs.map(({ scope, scopeId, windowAt }) => [scope, scopeId, windowAt]),
  )
  const query = build
    .selectFrom('budgets')
    .selectAll()
    .where(sql<boolean>`(scope, scope_id, window_at) in (${given})`)
  const states = byName((yield* rows(query)).map(toState))
  return refs.map((ref) => {
    const { scope, scopeId, windowAt } = ref
    const nothing = { scope, scopeId, windowAt, spentNanos: 0, leasedNanos: 0 }
    return states.get(budgetName(ref)) ?? nothing
  })
}

export function* listLeaseNodes(silentSince: number | null): Steps<readonly string[]> {
  const found = build.selectFrom('budget_leases').select('node').distinct().orderBy('node')
  // One that was silent for long is no longer among the nodes at all.
  const heard = build
    .selectFrom('nodes')
    .select('id')
    .where('beat_at', '>', silentSince ?? 0)
  const asked = silentSince === null ? found : found.where('node', 'not in', heard)
  return (yield* rows(asked)).map(({ node }) => node)
}
