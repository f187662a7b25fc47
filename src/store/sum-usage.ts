import { type RawBuilder, sql } from 'kysely'
import { givenRows } from './bulk.ts'
import type { UsageDimension, UsageQuery, UsageSum, UsageWork } from './ledger-store.ts'
import { build } from './query-builder.ts'
import type { UsageCounts } from './schema-ledger.ts'
import { rows, type Steps } from './steps.ts'
import { columnOf, dayMs } from './usage-grains.ts'
import { type Stretch, stretchesOf } from './usage-stretches.ts'
import { countColumns } from './usage-sums.ts'

/** What one costs that is only looked at, because a filter leaves it out. */
const lookCost = 0.5
const countedReads = 2_000_000

export function* sumUsage(query: UsageQuery): Steps<readonly UsageSum[]> {
  // One row in all is one page.
  if (hasOneRow(query) && query.page?.after) return []
  const stretches = stretchesOf(query)
  if (stretches.length === 0) return hasOneRow(query) ? [toSum(query, noUse)] : []
  if (!(yield* isFolded(query))) return sumsOf(query, yield* rows(selectGrouped(query, stretches)))
  if (query.bucket === null) return sumsOf(query, yield* rows(selectFolded(query, stretches)))
  const whole = inWhole(query)
  const largest = yield* rows(selectFolded(whole, stretchesOf(whole)))
  const others = largest.find((row) => row.others > 0)?.others ?? 0
  const kept = largest.filter((row) => row.others === 0)
  return sumsOf(query, yield* rows(selectKept(query, stretches, kept)), others)
}

export function* weighUsage(query: UsageQuery): Steps<UsageWork> {
  const stretches = [...stretchesOf(query)]
  // Which combinations are the largest is a question of its own where there are buckets.
  if (query.bucket !== null && (yield* isFolded(query)))
    stretches.push(...stretchesOf(inWhole(query)))
  const reads = yield* countReads(stretches)
  return { reads, cost: Math.round(reads * (yield* costOf(query))) }
}

const inWhole = (query: UsageQuery): UsageQuery => ({ ...query, bucket: null })

const hasOneRow = ({ by, bucket }: UsageQuery): boolean => by.length === 0 && bucket === null

/** Whether there may be more combinations than get rows of their own. */
function* isFolded(query: UsageQuery): Steps<boolean> {
  return query.top !== undefined && (yield* hasMoreThan(query.top, query))
}

function* hasMoreThan(most: number, query: UsageQuery): Steps<boolean> {
  if (query.by.length === 0) return false
  const found = build
    .selectFrom(
      sql<object>`(select distinct ${sql.join(columnsOf(query))} from usage_slots where ${filterOf(query)} limit ${most + 1})`.as(
        'found',
      ),
    )
    .select((each) => each.fn.countAll<number>().as('count'))
  return Number((yield* rows(found))[0]?.count ?? 0) > most
}

function* countReads(stretches: readonly Stretch[]): Steps<number> {
  let reads = 0
  for (const one of stretches) {
    const some = sql<object>`(select 1 from usage_sums where ${rangeOf(one)} limit ${countedReads})`
    const count = build
      .selectFrom(some.as('some'))
      .select((each) => each.fn.countAll<number>().as('count'))
    reads += Number((yield* rows(count))[0]?.count ?? 0)
  }
  return reads
}

/** Of one sum on the average: those that a filter leaves out cost less. */
function* costOf(query: UsageQuery): Steps<number> {
  if (Object.keys(query.only).length === 0) return 1
  const shares = build
    .selectFrom('usage_slots')
    .select((each) => each.fn.countAll<number>().as('all'))
    .select(sql<number>`coalesce(sum(case when ${filterOf(query)} then 1 else 0 end), 0)`.as('fit'))
  const { all = 0, fit = 0 } = (yield* rows(shares))[0] ?? {}
  return lookCost + (1 - lookCost) * (Number(all) === 0 ? 0 : Number(fit) / Number(all))
}

type SumRow = UsageCounts & {
  readonly at?: number | null | undefined
  /** How many combinations it stands for, if they are not its own. */
  readonly others: number
} & Readonly<Partial<Record<ReturnType<typeof columnOf>, string | undefined>>>

const columnsOf = ({ by }: Pick<UsageQuery, 'by'>) =>
  by.map((dimension) => sql.ref<string>(columnOf(dimension)))

function filterOf({ only }: Pick<UsageQuery, 'only'>): RawBuilder<boolean> {
  const filters = Object.entries(only).flatMap(([dimension, values]) =>
    values === undefined
      ? []
      : [
          sql`${sql.ref(columnOf(dimension as UsageDimension))} in (${sql.join([...values, null])})`,
        ],
  )
  return filters.length === 0 ? sql`true` : sql<boolean>`(${sql.join(filters, sql` and `)})`
}

const rangeOf = ({ grain, from, to }: Stretch): RawBuilder<boolean> =>
  sql`grain = ${grain} and at >= ${from} and at < ${to}`

/** Every sum that counts, with its bucket and its slot. */
function sourceOf(query: UsageQuery, stretches: readonly Stretch[]): RawBuilder<unknown> {
  const parts = stretches.map((one) => {
    const at =
      one.bucket === null
        ? sql`null`
        : one.bucket === 'own'
          ? sql`at`
          : one.bucket === 'day'
            ? sql`at - at % ${sql.lit(dayMs)}`
            : sql`cast(${one.bucket} as bigint)`
    // Sums per slot first where that makes fewer rows: numbers are sorted faster than names.
    if (query.bucket === null)
      return sql`select cast(null as bigint) as at, slot, ${totals(one.times)} from usage_sums where ${rangeOf(one)} group by slot`
    const counts = countColumns.map((column) =>
      one.times === 1 ? sql.ref(column) : sql`-${sql.ref(column)} as ${sql.ref(column)}`,
    )
    return sql`select ${at} as at, slot, ${sql.join(counts)} from usage_sums where ${rangeOf(one)}`
  })
  return sql`(${sql.join(parts, sql` union all `)}) as sums`
}

const totals = (times: 1 | -1 = 1): RawBuilder<unknown> =>
  sql.join(
    countColumns.map(
      (column) =>
        sql`cast(coalesce(sum(${times === 1 ? sql.ref(column) : sql`-${sql.ref(column)}`}), 0) as bigint) as ${sql.ref(column)}`,
    ),
  )

const noUse: SumRow = {
  ...(Object.fromEntries(countColumns.map((column) => [column, 0])) as unknown as UsageCounts),
  others: 0,
}

/** A row for each combination and bucket. */
function selectGrouped(query: UsageQuery, stretches: readonly Stretch[]) {
  const columns = [...(query.bucket === null ? [] : [sql`at`]), ...columnsOf(query)]
  const { page } = query
  const groups = sql`${joined(query, stretches)} ${columns.length > 0 ? sql`group by ${sql.join(columns)} having sum(attempts) > 0` : sql``}`
  return selectFrom(sql`select ${sql.join([...columns, sql`0 as others`])}, ${totals()} ${groups}
    ${page && columns.length > 0 ? sql`${pageOf(query)} order by ${sql.join(columns)} limit ${page.limit}` : sql``}`)
}

/** Only what comes after the last row of the page before. */
function pageOf(query: UsageQuery): RawBuilder<unknown> {
  const { after } = query.page ?? {}
  if (!after) return sql``
  const columns = [...(query.bucket === null ? [] : [sql`at`]), ...columnsOf(query)]
  const values = [...(query.bucket === null ? [] : [after.at ?? 0]), ...after.values]
  return sql`and (${sql.join(columns)}) > (${sql.join(values)})`
}

function joined(query: UsageQuery, stretches: readonly Stretch[]): RawBuilder<unknown> {
  const source = sourceOf(query, stretches)
  const needsSlots = query.by.length > 0 || Object.keys(query.only).length > 0
  // A cross join, so that SQLite reads the sums first: they are found in order, slots by their number.
  return needsSlots
    ? sql`from ${source} cross join usage_slots where usage_slots.id = sums.slot and ${filterOf(query)}`
    : sql`from ${source}`
}

/** The largest combinations, and a row for all the others. Of questions without buckets. */
function selectFolded(query: UsageQuery, stretches: readonly Stretch[]) {
  const columns = columnsOf(query)
  const most = query.top ?? 0
  const ranked = sql`select ${sql.join(columns)}, ${totals()}, row_number() over (order by sum(cost_nanos) desc, sum(attempts) desc, ${sql.join(columns)}) as place
    ${joined(query, stretches)} group by ${sql.join(columns)} having sum(attempts) > 0`
  const names = columns.map(
    (column) => sql`min(case when place <= ${most} then ${column} else '' end) as ${column}`,
  )
  return selectFrom(sql`select ${sql.join(names)}, ${totals()},
    cast(sum(case when place <= ${most} then 0 else 1 end) as bigint) as others
    from (${ranked}) as ranked group by case when place <= ${most} then place else ${most + 1} end`)
}

/** Combinations that are kept by themselves, and what is left of each bucket. */
function selectKept(
  query: UsageQuery,
  stretches: readonly Stretch[],
  kept: readonly SumRow[],
): ReturnType<typeof selectFrom> {
  const columns = columnsOf(query)
  const own = columns.map((_, i) => sql.ref(`kept.c${i}`))
  const given = givenRows(
    columns.map(() => 'text' as const),
    kept.map((row) => query.by.map((dimension) => row[columnOf(dimension)] ?? '')),
  )
  const same = columns.map((column, i) => sql`${column} = ${own[i]}`)
  const names = columns.map((column, i) => sql`coalesce(${own[i]}, '') as ${column}`)
  // Made a table first: looked for in it once for each sum, it would else be read again for each.
  return selectFrom(sql`with kept as materialized (${given})
    select at, ${sql.join(names)}, ${totals()},
      case when kept.c0 is null then 1 else 0 end as others
    from ${sourceOf(query, stretches)} cross join usage_slots
      left join kept on ${sql.join(same, sql` and `)}
    where usage_slots.id = sums.slot and ${filterOf(query)}
    group by at, ${sql.join(own)} having sum(attempts) > 0`)
}

const selectFrom = (text: RawBuilder<unknown>) =>
  build.selectFrom(sql<SumRow>`(${text})`.as('answer')).selectAll()

/** `others`: how many combinations share the rows that are nobody's own; absent: what they say themselves. */
function sumsOf(query: UsageQuery, found: readonly SumRow[], others?: number): readonly UsageSum[] {
  const sums = found.map((row) => toSum(query, row, others))
  return query.page === undefined ? sums.sort(byPlace) : sums
}

const byPlace = (a: UsageSum, b: UsageSum): number =>
  (a.at ?? 0) - (b.at ?? 0) || Math.sign(a.others) - Math.sign(b.others) || compareLists(a, b)

const toSum = ({ by }: UsageQuery, row: SumRow, others = row.others): UsageSum => ({
  at: row.at ?? null,
  values: by.map((dimension) => row[columnOf(dimension)] ?? ''),
  calls: row.calls,
  attempts: row.attempts,
  inputTokens: row.input_tokens,
  outputTokens: row.output_tokens,
  cachedInputTokens: row.cached_input_tokens,
  reasoningTokens: row.reasoning_tokens,
  costNanos: row.cost_nanos,
  unpriced: row.unpriced,
  estimated: row.estimated,
  others: row.others > 0 ? others : 0,
})

function compareLists({ values: one }: UsageSum, { values: other }: UsageSum): number {
  const i = one.findIndex((value, n) => value !== other[n])
  if (i === -1) return 0
  return (one[i] ?? '') < (other[i] ?? '') ? -1 : 1
}
