import type { UsageQuery, UsageSum } from '../../store/ledger-store.ts'
import type { Store } from '../../store/store.ts'
import { csvText } from './csv.ts'
import { dayMs } from './usage-query.ts'
import { columnsOf, namesOf, showSum } from './usage-shown.ts'

const perPage = 2000

/**
 * Everything as a table, in pieces: read a day or a month at a time and by pages, so that neither the store nor the memory
 * is held for long.
 */
export async function* exportedUsage(
  store: Pick<Store, 'sumUsage' | 'findNames'>,
  query: UsageQuery,
): AsyncGenerator<string> {
  yield csvText([columnsOf(query, false)])
  for (const slice of slicesOf(query))
    for (let after: UsageSum | null = null; ; ) {
      const sums: readonly UsageSum[] = await store.sumUsage({
        ...slice,
        page: { after, limit: perPage },
      })
      if (sums.length > 0) yield await usageRows(store, query, sums, false)
      after = sums.at(-1) ?? null
      if (sums.length < perPage) break
    }
}

export async function usageRows(
  store: Pick<Store, 'findNames'>,
  query: UsageQuery,
  sums: readonly UsageSum[],
  isFolded: boolean,
): Promise<string> {
  const names = await namesOf(query, sums, store)
  const columns = columnsOf(query, isFolded)
  return csvText(
    sums.map((sum) => {
      const cells = showSum(query, sum, names) as Readonly<Record<string, string | number | null>>
      return columns.map((column) => cells[column] ?? '')
    }),
  )
}

function* slicesOf(query: UsageQuery): Generator<UsageQuery> {
  if (query.bucket === null || query.by.length === 0) return yield query
  for (let from = query.from; from < query.to; ) {
    const to = Math.min(query.to, nextCut(query.bucket, from))
    yield { ...query, from, to }
    from = to
  }
}

function nextCut(bucket: 'hour' | 'day' | 'month', at: number): number {
  if (bucket !== 'month') return at - (at % dayMs) + dayMs
  const date = new Date(at)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)
}
