import { formatDistance, formatUsd, nanosToUsd } from '../../data/format.ts'
import { Meter } from '../../parts/meter.tsx'
import type { BudgetResource, BudgetStateResource } from './key-shapes.ts'

/** Spent of the limit, and when it begins anew. Before the first call there is no window yet. */
export function BudgetMeter(props: {
  readonly name: string
  readonly budget: BudgetResource | null
  readonly state: BudgetStateResource | undefined
}) {
  const { name, budget, state } = props
  if (budget === null && !state) return <span className="dim">no cap</span>
  if (!state)
    return (
      <Meter
        label={`Budget of ${name}`}
        value={0}
        of={1}
        text={`$0 of $${budget?.usd} per ${budget?.per}`}
      />
    )
  const held = nanosToUsd(state.held_nanos)
  return (
    <Meter
      label={`Budget of ${name}`}
      value={state.spent_nanos}
      of={state.limit_nanos}
      text={`${formatUsd(nanosToUsd(state.spent_nanos))} of ${formatUsd(nanosToUsd(state.limit_nanos))} per ${state.per}${
        held > 0 ? `, ${formatUsd(held)} set aside` : ''
      }, anew ${formatDistance(state.resets_at, Date.now())}`}
    />
  )
}
