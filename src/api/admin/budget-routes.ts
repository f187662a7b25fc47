import type { Budget, Scope } from '../../core/allowance.ts'
import { dollarsText } from '../../core/money.ts'
import { windowOf } from '../../core/window.ts'
import { scopesIn } from '../../gateway/snapshot.ts'
import type { BudgetRef, BudgetState } from '../../store/ledger-store.ts'
import type { AdminDeps } from './admin-deps.ts'
import { type AdminRoute, bind } from './admin-route.ts'
import { showWindow } from './allowance-words.ts'
import { type BudgetStateResource, listBudgets } from './contract-money.ts'
import { timeText } from './page.ts'
import { eachManaged } from './tenants.ts'

type Budgeted = Scope & { readonly budget: Budget }
const atOnce = 500

/** How every budget stands. The store knows what was spent, a moment after it was. */
export function budgetRoutes({ store, runtime, gateway }: AdminDeps): readonly AdminRoute[] {
  const all = async (): Promise<readonly Budgeted[]> => {
    const found = new Map<string, Budgeted>()
    const add = (scope: Scope): void => {
      const { budget } = scope
      if (budget) found.set(`${scope.kind}:${scope.id}`, { ...scope, budget })
    }
    for (const scope of scopesIn(gateway.snapshot)) add(scope)
    // Those that no key belongs to are in no snapshot.
    for (const kind of ['team', 'customer'] as const) {
      for await (const each of eachManaged(store, kind)) add({ ...each, kind })
      const { teams, customers } = gateway.snapshot.config
      for (const each of kind === 'team' ? teams : customers)
        add({ ...each, kind, id: `file:${kind}:${each.name}` })
    }
    return [...found.values()]
  }
  return [
    bind(listBudgets, async ({ query }) => {
      const now = runtime.clock.now()
      const wanted = (await all()).filter(
        ({ kind, id }) =>
          (query.scope === undefined || kind === query.scope) &&
          (query.id === undefined || id === query.id),
      )
      const refs = wanted.map((scope) => refOf(scope, now))
      const states: BudgetState[] = []
      for (let from = 0; from < refs.length; from += atOnce)
        states.push(...(await store.readBudgets(refs.slice(from, from + atOnce))))
      const known = new Map(states.map((state) => [keyOf(state), state]))
      const data = wanted.map((scope, i) =>
        show(scope, known.get(keyOf(refs[i] as BudgetRef)), now),
      )
      return { body: { object: 'list', data } }
    }),
  ]
}

const keyOf = ({ scope, scopeId, windowAt }: BudgetRef): string => `${scope}:${windowAt}:${scopeId}`

const refOf = ({ kind, id, budget }: Budgeted, now: number): BudgetRef => ({
  scope: kind,
  scopeId: id,
  windowAt: windowOf(budget.window, now).startAt,
})

function show(
  { kind, id, name, budget }: Budgeted,
  state: BudgetState | undefined,
  now: number,
): BudgetStateResource {
  const { startAt, endAt } = windowOf(budget.window, now)
  const [spent, held] = [state?.spentNanos ?? 0, state?.leasedNanos ?? 0]
  return {
    object: 'budget',
    scope: kind,
    id,
    name,
    per: showWindow(budget.window),
    limit_usd: dollarsText(budget.limitNanos),
    limit_nanos: budget.limitNanos,
    spent_usd: dollarsText(spent),
    spent_nanos: spent,
    held_usd: dollarsText(held),
    held_nanos: held,
    window_start: timeText(startAt),
    resets_at: timeText(endAt),
  }
}
