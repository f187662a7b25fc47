import { dollarsText } from '../../core/money.ts'
import type { UsageDimension, UsageQuery, UsageSum } from '../../store/ledger-store.ts'
import type { Store } from '../../store/store.ts'
import type { AdminDeps } from './admin-deps.ts'
import { type AdminReply, type AdminRoute, bind } from './admin-route.ts'
import { invalid } from './check-fields.ts'
import { getUsage, usageDimensions } from './contract-money.ts'
import { csvText } from './csv.ts'
import { timeText, timeTextOrNull } from './page.ts'
import { tenantNames } from './tenants.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const usualDays = 30
const mostRows = 20_000
/** The longest that may be asked for: what lies beyond is either a slip of the pen or a load. */
const longestMs = { hour: 93 * dayMs, day: 3660 * dayMs, month: 36_600 * dayMs }

/** What was used, as JSON or as a table for spreadsheets. */
export function usageRoutes({ store, runtime, gateway }: AdminDeps): readonly AdminRoute[] {
  return [
    bind(getUsage, async ({ query: given, headers }) => {
      const query = readUsageQuery(given, runtime.clock.now())
      const [sums, [total]] = await Promise.all([
        store.sumUsage(query),
        store.sumUsage({ ...query, by: [], bucket: null }),
      ])
      if (sums.length > mostRows)
        throw invalid('by', `That is more than ${mostRows} rows: ask for less time, or by less`)
      const names = await namesFor(query, sums, store, gateway.snapshot.config)
      const isCsv =
        given.format === 'csv' || (given.format === undefined && wantsCsv(headers.accept))
      const data = sums.map((sum) => showSum(query, sum, names))
      const body = {
        object: 'list' as const,
        from: timeText(query.from),
        to: timeText(query.to),
        by: [...query.by],
        bucket: query.bucket,
        data,
        total: showCounts(total ?? nothing),
      }
      return isCsv ? asCsv(body, query) : { body }
    }),
  ]
}

type Given = Readonly<Record<string, unknown>> & {
  readonly from?: string
  readonly to?: string
  readonly by?: string
  readonly bucket?: 'hour' | 'day' | 'month'
}

function readUsageQuery(given: Given, now: number): UsageQuery {
  const to = given.to === undefined ? now : Date.parse(given.to)
  const from = given.from === undefined ? to - usualDays * dayMs : Date.parse(given.from)
  if (from >= to) throw invalid('from', '"from" must be before "to"')
  if (to - from > longestMs[given.bucket ?? 'month'])
    throw invalid(
      'from',
      'That is too long a time for such buckets: ask for less, or for longer ones',
    )
  const by = [...new Set((given.by?.split(',') ?? []) as UsageDimension[])]
  const only = Object.fromEntries(
    usageDimensions.flatMap((each) => (given[each] === undefined ? [] : [[each, given[each]]])),
  )
  // What is answered for is said in the answer: hours count whole.
  return {
    from: Math.floor(from / hourMs) * hourMs,
    to: Math.ceil(to / hourMs) * hourMs,
    by,
    bucket: given.bucket ?? null,
    only,
  }
}

const wantsCsv = (accept: string | undefined): boolean =>
  /\btext\/csv\b/i.test(accept ?? '') && !/\bapplication\/json\b/i.test(accept ?? '')

type Names = ReadonlyMap<string, string>

/** Names of the ids in the answer, of keys that were deleted as well. */
async function namesFor(
  { by }: UsageQuery,
  sums: readonly UsageSum[],
  store: Store,
  { teams, customers }: { readonly teams: readonly Named[]; readonly customers: readonly Named[] },
): Promise<Names> {
  if (!by.some((each) => each === 'key' || each === 'team' || each === 'customer')) return new Map()
  const names = new Map(await tenantNames(store))
  for (const { name } of teams) names.set(`file:team:${name}`, name)
  for (const { name } of customers) names.set(`file:customer:${name}`, name)
  for (const { id, name } of await store.listKeys()) names.set(id, name)
  const at = by.indexOf('key')
  const ids = new Set(at < 0 ? [] : sums.map(({ values }) => values[at] ?? ''))
  for (const id of ids) {
    if (id === '' || names.has(id)) continue
    const key = await store.findKey(id)
    if (key) names.set(id, key.name)
  }
  return names
}
interface Named {
  readonly name: string
}

function showSum({ by }: UsageQuery, { at, values, ...counts }: UsageSum, names: Names) {
  const said = by.flatMap((dimension, i) => {
    const value = values[i] ?? ''
    const name = names.get(value)
    const hasName = dimension === 'key' || dimension === 'team' || dimension === 'customer'
    return hasName
      ? [
          [dimension, value],
          [`${dimension}_name`, name ?? ''],
        ]
      : [[dimension, value]]
  })
  return {
    at: timeTextOrNull(at),
    ...(Object.fromEntries(said) as Record<string, string>),
    ...showCounts(counts),
  }
}

type Counts = Omit<UsageSum, 'at' | 'values'>

const showCounts = (sum: Counts) => ({
  calls: sum.calls,
  attempts: sum.attempts,
  input_tokens: sum.inputTokens,
  output_tokens: sum.outputTokens,
  cached_input_tokens: sum.cachedInputTokens,
  reasoning_tokens: sum.reasoningTokens,
  cost_usd: dollarsText(sum.costNanos),
  cost_nanos: sum.costNanos,
  unpriced: sum.unpriced,
  estimated: sum.estimated,
})

const nothing: Counts = {
  calls: 0,
  attempts: 0,
  inputTokens: 0,
  outputTokens: 0,
  cachedInputTokens: 0,
  reasoningTokens: 0,
  costNanos: 0,
  unpriced: 0,
  estimated: 0,
}

function asCsv<Body extends { readonly data: readonly object[] }>(
  body: Body,
  { by, bucket }: UsageQuery,
): AdminReply<Body> {
  const named = by.flatMap((each) =>
    each === 'key' || each === 'team' || each === 'customer' ? [each, `${each}_name`] : [each],
  )
  const columns = [
    ...(bucket === null ? [] : ['at']),
    ...named,
    ...Object.keys(showCounts(nothing)),
  ]
  const rows = body.data.map((row) => {
    const cells = row as Readonly<Record<string, string | number | null>>
    return columns.map((column) => cells[column] ?? '')
  })
  return {
    body,
    text: { type: 'text/csv; charset=utf-8; header=present', content: csvText([columns, ...rows]) },
    headers: { 'content-disposition': 'attachment; filename="usage.csv"' },
  }
}
