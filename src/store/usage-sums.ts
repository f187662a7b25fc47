import { type RawBuilder, sql } from 'kysely'
import { type Cell, type ColumnType, givenRows, storableText } from './bulk.ts'
import type { LedgerRow } from './ledger-store.ts'
import { build } from './query-builder.ts'
import type { UsageCounts, UsageDimensions } from './schema-ledger.ts'
import { alone, change, rows, type Steps } from './steps.ts'
import { dimensionColumns, grains, type Side, sideOf, startOf } from './usage-grains.ts'

/** What is added to the sums of one hour, and of all that hold it. */
export interface Usage {
  readonly at: number
  readonly dimensions: UsageDimensions
  readonly counts: UsageCounts
}

export const countColumns = [
  'calls',
  'attempts',
  'input_tokens',
  'output_tokens',
  'cached_input_tokens',
  'reasoning_tokens',
  'cost_nanos',
  'unpriced',
  'estimated',
] as const satisfies readonly (keyof UsageCounts)[]

/**
 * A call counts with its first attempt, under that one's provider and outcome. What is not attributed counts nowhere:
 * the same money stands there once per budget. `times` -1 takes it back.
 */
export function usageOf(row: LedgerRow, times: 1 | -1 = 1): readonly Usage[] {
  if (row.kind !== 'usage') return []
  const hasTokens = row.inputTokens > 0 || row.outputTokens > 0
  const dimensions = {
    key_id: row.keyId,
    team_id: row.teamId,
    customer_id: row.customerId,
    route: row.route,
    provider: row.provider,
    model: row.model,
    outcome: row.outcome,
    form: row.form,
  }
  const counts = {
    calls: row.role === 'first' ? times : 0,
    attempts: times,
    input_tokens: times * row.inputTokens,
    output_tokens: times * row.outputTokens,
    cached_input_tokens: times * row.cachedInputTokens,
    reasoning_tokens: times * row.reasoningTokens,
    cost_nanos: times * (row.costNanos ?? 0),
    unpriced: row.costNanos === null && hasTokens ? times : 0,
    estimated: row.estimated ? times : 0,
  }
  return [{ at: row.at, dimensions, counts }]
}

export function* addUsage(usage: readonly Usage[]): Steps<void> {
  if (usage.length === 0) return
  const slots = new Map<string, UsageDimensions>()
  const sums = grains.map((kind) => ({ ...kind, byTime: new Map<number, SlotSums>() }))
  for (const one of gather(usage)) {
    const names = nameSides(one.dimensions, slots)
    for (const { span, side, byTime } of sums) {
      const at = startOf(span, one.at)
      const bySlot = byTime.get(at) ?? new Map<string, number[]>()
      byTime.set(at, bySlot)
      addCounts(bySlot, names[side], one.counts)
    }
  }
  const ids = yield* slotIds(slots)
  const list = sums.flatMap(({ grain, byTime }) =>
    // In one order, so that two batches at the same time do not wait for each other's rows.
    [...byTime]
      .toSorted(([a], [b]) => a - b)
      .flatMap(([at, bySlot]) =>
        [...bySlot]
          .map(([name, counts]) => [grain, at, ids.get(name) ?? 0, ...counts] as const)
          .toSorted(([, , a], [, , b]) => a - b),
      ),
  )
  yield* change(
    build
      .insertInto('usage_sums')
      .columns(['grain', 'at', 'slot', ...countColumns])
      .expression(givenRows(sumTypes, list))
      .onConflict((conflict) => conflict.columns(['grain', 'at', 'slot']).doUpdateSet(added)),
  )
}

/** The same in fewer: what is alike is added up once before it is added to every grain. */
function gather(usage: readonly Usage[]): Iterable<Usage> {
  const gathered = new Map<string, Usage & { readonly counts: UsageCounts }>()
  for (const { at, dimensions, counts } of usage) {
    const hour = startOf('hour', at)
    const name = `${hour} ${nameOf(dimensions)}`
    const known = gathered.get(name)?.counts
    if (!known) gathered.set(name, { at: hour, dimensions, counts: { ...counts } })
    else for (const column of countColumns) known[column] += counts[column]
  }
  return gathered.values()
}

/** Counts in the order of the columns, by the slot's name. */
type SlotSums = Map<string, number[]>

function addCounts(sums: SlotSums, name: string, counts: UsageCounts): void {
  const known = sums.get(name)
  if (!known)
    sums.set(
      name,
      countColumns.map((column) => counts[column]),
    )
  else for (const [i, column] of countColumns.entries()) known[i] = (known[i] ?? 0) + counts[column]
}

const sumTypes: readonly ColumnType[] = [
  'bigint',
  'bigint',
  'bigint',
  ...countColumns.map(() => 'bigint' as const),
]

const added = Object.fromEntries(
  countColumns.map((column) => [
    column,
    sql<number>`${sql.ref(`usage_sums.${column}`)} + ${sql.ref(`excluded.${column}`)}`,
  ]),
) as unknown as Readonly<Record<keyof UsageCounts, RawBuilder<number>>>

/** As it is found in the table again. */
const nameOf = (dimensions: UsageDimensions): string =>
  JSON.stringify(dimensionColumns.map((column) => storableText(dimensions[column])))

/** The names of its slots, which are noted. */
function nameSides(dimensions: UsageDimensions, slots: Map<string, UsageDimensions>) {
  const name = (side: Side): string => {
    const own = sideOf(dimensions, side)
    const text = nameOf(own)
    slots.set(text, own)
    return text
  }
  return {
    both: name('both'),
    caller: name('caller'),
    model: name('model'),
    neither: name('neither'),
  }
}

/** The slots' numbers by name; what never occurred before gets one. */
function* slotIds(slots: ReadonlyMap<string, UsageDimensions>): Steps<Map<string, number>> {
  const ids = yield* findSlots(slots.keys())
  if (ids.size === slots.size) return ids
  // Two that meet the same combination at once must not number it twice.
  yield* alone('usage slots')
  for (const [name, id] of yield* findSlots(slots.keys())) ids.set(name, id)
  const query = build.selectFrom('usage_slots').select((slot) => slot.fn.max('id').as('last'))
  let last = (yield* rows(query))[0]?.last ?? 0
  const list: Cell[][] = []
  for (const [name, dimensions] of slots) {
    if (ids.has(name)) continue
    ids.set(name, ++last)
    list.push([last, name, ...dimensionColumns.map((column) => dimensions[column])])
  }
  const types = ['bigint', 'text', ...dimensionColumns.map(() => 'text' as const)] as const
  if (list.length > 0)
    yield* change(
      build
        .insertInto('usage_slots')
        .columns(['id', 'name', ...dimensionColumns])
        .expression(givenRows(types, list)),
    )
  return ids
}

function* findSlots(names: Iterable<string>): Steps<Map<string, number>> {
  const given = givenRows(
    ['text'],
    [...names].map((name) => [name]),
  )
  const query = build
    .selectFrom('usage_slots')
    .select(['id', 'name'])
    .where('name', 'in', sql<string>`(${given})`)
  return new Map((yield* rows(query)).map(({ id, name }) => [name, id]))
}
