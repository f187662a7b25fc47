import { type Expression, sql } from 'kysely'
import type { UsageDimension, UsageQuery, UsageSum } from './ledger-store.ts'
import { build } from './query-builder.ts'
import type { UsageCounts } from './schema-ledger.ts'
import { rows, type Steps } from './steps.ts'
import { columnOf, dayGrainFor, dayMs, nextStartOf, startOf } from './usage-grains.ts'
import { countColumns } from './usage-sums.ts'

/** Rows of one grain that are read together. */
interface Stretch {
  readonly grain: number
  readonly from: number
  readonly to: number
  /** Of a month that counts for the most part, the rest is taken away. */
  readonly times: 1 | -1
}

export function* sumUsage(query: UsageQuery): Steps<readonly UsageSum[]> {
  const sums = new Map<string, { at: number | null; values: string[]; counts: UsageCounts }>()
  for (const stretch of stretchesOf(query))
    for (const row of yield* rows(selectSums(query, stretch))) {
      const at = bucketOf(query, stretch, row)
      const values = query.by.map((dimension) => row[columnOf(dimension)] ?? '')
      const name = JSON.stringify([at, ...values])
      const known = sums.get(name) ?? { at, values, counts: { ...noCounts } }
      sums.set(name, known)
      for (const column of countColumns) known.counts[column] += stretch.times * row[column]
    }
  if (query.by.length === 0 && query.bucket === null)
    return [toSum(null, [], sums.get('[null]')?.counts ?? noCounts)]
  return [...sums.values()]
    .filter(({ counts }) => counts.attempts > 0)
    .map(({ at, values, counts }) => toSum(at, values, counts))
    .toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0) || compareLists(a.values, b.values))
}

/** Whole months and days are read as such, what is left of them at the ends as hours. */
function stretchesOf(query: UsageQuery): readonly Stretch[] {
  const [from, to] = [startOf('hour', query.from), nextStartOf('hour', query.to)]
  if (query.bucket === 'hour') return stretch(0, from, to)
  const asked = [...query.by, ...(Object.keys(query.only) as UsageDimension[])]
  const days = (start: number, end: number): readonly Stretch[] => {
    const [first, last] = [nextStartOf('day', start), startOf('day', end)]
    if (first >= last) return stretch(0, start, end)
    const whole = stretch(dayGrainFor(asked), first, last)
    return [...stretch(0, start, first), ...whole, ...stretch(0, last, end)]
  }
  if (query.bucket === 'day') return days(from, to)
  const months = monthsOf(from, to).flatMap(([start, end]) => {
    const [first, next] = [startOf('month', start), nextStartOf('month', end)]
    const isMost = (end - start) * 2 > next - first
    if (!isMost) return days(start, end)
    const rest = [...days(first, start), ...days(end, next)]
    return [...stretch(2, first, next), ...rest.map((one) => ({ ...one, times: -1 as const }))]
  })
  return query.bucket === null ? months.reduce(join, []) : months
}

/** Months that follow each other are one question. */
function join(done: readonly Stretch[], next: Stretch): readonly Stretch[] {
  const at = done.findIndex(
    ({ grain, times, to }) => grain === next.grain && times === next.times && to === next.from,
  )
  const before = done[at]
  return before ? done.with(at, { ...before, to: next.to }) : [...done, next]
}

const stretch = (grain: number, from: number, to: number): readonly Stretch[] =>
  from < to ? [{ grain, from, to, times: 1 }] : []

function monthsOf(from: number, to: number): readonly (readonly [number, number])[] {
  const months: (readonly [number, number])[] = []
  for (let start = from; start < to; ) {
    const end = Math.min(to, nextStartOf('month', start + 1))
    months.push([start, end])
    start = end
  }
  return months
}

type SumRow = UsageCounts & { readonly at?: number | undefined } & Readonly<
    Partial<Record<ReturnType<typeof columnOf>, string | undefined>>
  >

function bucketOf({ bucket }: UsageQuery, { from }: Stretch, row: SumRow): number | null {
  if (bucket === null) return null
  return bucket === 'month' ? startOf('month', from) : (row.at ?? from)
}

function selectSums(query: UsageQuery, stretch: Stretch) {
  const hasBuckets = query.bucket === 'hour' || query.bucket === 'day'
  // Sums per slot first where that makes fewer rows: numbers are sorted faster than names.
  const source = hasBuckets ? sql`select * from usage_sums` : perSlot
  const inRange = sql`where grain = ${stretch.grain} and at >= ${stretch.from} and at < ${stretch.to}`
  const at =
    query.bucket === 'day' && stretch.grain === 0 ? sql`at - at % ${sql.lit(dayMs)}` : sql`at`
  const dimensions = query.by.map((dimension) => sql.ref(`usage_slots.${columnOf(dimension)}`))
  const groups: readonly Expression<unknown>[] = [...(hasBuckets ? [at] : []), ...dimensions]
  const filters = Object.entries(query.only).flatMap(([dimension, values]) =>
    values === undefined
      ? []
      : [
          sql`${sql.ref(`usage_slots.${columnOf(dimension as UsageDimension)}`)} in (${sql.join([...values, null])})`,
        ],
  )
  const needsSlots = dimensions.length > 0 || filters.length > 0
  const columns = [
    ...(hasBuckets ? [sql`${at} as at`] : []),
    ...dimensions,
    ...countColumns.map(
      (column) => sql`cast(sum(${sql.ref(column)}) as bigint) as ${sql.ref(column)}`,
    ),
  ]
  return build
    .selectFrom(
      sql<SumRow>`(select ${sql.join(columns)} from (${source} ${inRange}${hasBuckets ? sql`` : sql` group by slot`}) as sums
        ${needsSlots ? sql`join usage_slots on usage_slots.id = sums.slot` : sql``}
        ${filters.length > 0 ? sql`where ${sql.join(filters, sql` and `)}` : sql``}
        ${groups.length > 0 ? sql`group by ${sql.join(groups)}` : sql`having count(*) > 0`})`.as(
        'answer',
      ),
    )
    .selectAll()
}

const perSlot = sql`select slot, ${sql.join(
  countColumns.map((column) => sql`cast(sum(${sql.ref(column)}) as bigint) as ${sql.ref(column)}`),
)} from usage_sums`

const toSum = (at: number | null, values: readonly string[], counts: UsageCounts): UsageSum => ({
  at,
  values,
  calls: counts.calls,
  attempts: counts.attempts,
  inputTokens: counts.input_tokens,
  outputTokens: counts.output_tokens,
  cachedInputTokens: counts.cached_input_tokens,
  reasoningTokens: counts.reasoning_tokens,
  costNanos: counts.cost_nanos,
  unpriced: counts.unpriced,
  estimated: counts.estimated,
})

const noCounts = Object.fromEntries(
  countColumns.map((column) => [column, 0]),
) as unknown as UsageCounts

function compareLists(one: readonly string[], other: readonly string[]): number {
  const i = one.findIndex((value, n) => value !== other[n])
  if (i === -1) return 0
  return (one[i] ?? '') < (other[i] ?? '') ? -1 : 1
}
