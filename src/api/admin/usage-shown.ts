import { dollarsText } from '../../core/money.ts'
import type { NamedKind } from '../../store/access-store.ts'
import type { UsageDimension, UsageQuery, UsageSum } from '../../store/ledger-store.ts'
import type { Store } from '../../store/store.ts'
import { timeTextOrNull } from './page.ts'

type Names = ReadonlyMap<string, string>
type Asked = Pick<UsageQuery, 'by'>

const isNamed = (dimension: UsageDimension): dimension is NamedKind =>
  dimension === 'key' || dimension === 'team' || dimension === 'customer'

/** Names of the ids in the answer, of keys that were deleted as well. */
export async function namesOf(
  { by }: Asked,
  sums: readonly UsageSum[],
  store: Pick<Store, 'findNames'>,
): Promise<Names> {
  const names = new Map<string, string>()
  for (const [at, kind] of by.entries()) {
    if (!isNamed(kind)) continue
    const ids = new Set(sums.map(({ values }) => values[at] ?? ''))
    // Those of the file are known by their names.
    const ofFile = `file:${kind}:`
    for (const id of ids) if (id.startsWith(ofFile)) names.set(id, id.slice(ofFile.length))
    for (const [id, name] of await store.findNames(kind, [...ids])) names.set(id, name)
  }
  return names
}

export function showSum({ by }: Asked, { at, values, ...counts }: UsageSum, names: Names) {
  const said: Record<string, string> = {}
  for (const [i, dimension] of by.entries()) {
    const value = values[i] ?? ''
    said[dimension] = value
    if (isNamed(dimension)) said[`${dimension}_name`] = names.get(value) ?? ''
  }
  return { at: timeTextOrNull(at), ...said, ...showCounts(counts), others: counts.others }
}

type Counts = Omit<UsageSum, 'at' | 'values' | 'others'>

export const showCounts = (sum: Counts) => ({
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

/** Of all rows together. */
export function totalOf(sums: readonly UsageSum[]): Counts {
  const total: Record<string, number> = { ...nothing }
  for (const sum of sums)
    for (const name of Object.keys(nothing) as (keyof Counts)[])
      total[name] = (total[name] ?? 0) + sum[name]
  return total as unknown as Counts
}

/** The columns of a table of it. `others` only where some may be folded. */
export const columnsOf = (
  { by, bucket }: Pick<UsageQuery, 'by' | 'bucket'>,
  isFolded: boolean,
): readonly string[] => [
  ...(bucket === null ? [] : ['at']),
  ...by.flatMap((each) => (isNamed(each) ? [each, `${each}_name`] : [each])),
  ...Object.keys(showCounts(nothing)),
  ...(isFolded ? ['others'] : []),
]
