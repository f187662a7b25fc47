import type { UsageDimension } from './ledger-store.ts'
import type { UsageDimensions } from './schema-ledger.ts'

/**
 * Every attempt is summed ten times, so that a question over years reads months, and one about keys does not read what
 * is parted by models as well. `neither` knows outcome and form alone.
 */
export const grains = [
  { grain: 0, span: 'hour', side: 'both' },
  { grain: 1, span: 'day', side: 'both' },
  { grain: 2, span: 'month', side: 'both' },
  { grain: 3, span: 'day', side: 'caller' },
  { grain: 4, span: 'day', side: 'model' },
  { grain: 5, span: 'hour', side: 'neither' },
  { grain: 6, span: 'day', side: 'neither' },
  { grain: 7, span: 'month', side: 'caller' },
  { grain: 8, span: 'month', side: 'model' },
  { grain: 9, span: 'month', side: 'neither' },
] as const

export type Span = (typeof grains)[number]['span']
export type Side = (typeof grains)[number]['side']

export const hourMs = 3_600_000
export const dayMs = 24 * hourMs

/** The beginning of the span that holds `at`, in UTC. */
export function startOf(span: Span, at: number): number {
  if (span === 'hour') return at - (at % hourMs)
  if (span === 'day') return at - (at % dayMs)
  const date = new Date(at)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth())
}

/** The beginning of the first span at or after `at`. */
export function nextStartOf(span: Span, at: number): number {
  const start = startOf(span, at)
  if (start === at) return at
  if (span === 'hour') return start + hourMs
  if (span === 'day') return start + dayMs
  const date = new Date(start)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)
}

const columns = {
  key: { column: 'key_id', side: 'caller' },
  team: { column: 'team_id', side: 'caller' },
  customer: { column: 'customer_id', side: 'caller' },
  route: { column: 'route', side: 'model' },
  provider: { column: 'provider', side: 'model' },
  model: { column: 'model', side: 'model' },
  outcome: { column: 'outcome', side: 'neither' },
  form: { column: 'form', side: 'neither' },
} as const satisfies Readonly<Record<UsageDimension, { column: keyof UsageDimensions; side: Side }>>

const dimensions = Object.values(columns)
export const dimensionColumns: readonly (keyof UsageDimensions)[] = dimensions.map(
  ({ column }) => column,
)

export const columnOf = (dimension: UsageDimension): keyof UsageDimensions =>
  columns[dimension].column

/** What is not of that side is left empty; outcome and form are of every side. */
export function sideOf(all: UsageDimensions, side: Side): UsageDimensions {
  if (side === 'both') return all
  const kept = { ...all }
  for (const { column, side: own } of dimensions)
    if (own !== side && own !== 'neither') kept[column] = ''
  return kept
}

/** The sums of that span that tell these dimensions with the fewest rows. */
export function grainFor(span: Span, asked: readonly UsageDimension[]): number {
  const sides = new Set<Side>(asked.map((dimension) => columns[dimension].side))
  const needed: Side =
    sides.has('caller') && sides.has('model')
      ? 'both'
      : sides.has('model')
        ? 'model'
        : sides.has('caller')
          ? 'caller'
          : 'neither'
  const of = (side: Side) => grains.find((each) => each.span === span && each.side === side)
  return (of(needed) ?? of('both') ?? grains[0]).grain
}
