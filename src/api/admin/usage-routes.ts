import { Readable } from 'node:stream'
import type { UsageQuery, UsageSum } from '../../store/ledger-store.ts'
import type { AdminDeps } from './admin-deps.ts'
import { type AdminRoute, bind } from './admin-route.ts'
import { getUsage } from './contract-money.ts'
import { csvText } from './csv.ts'
import { timeText } from './page.ts'
import { exportedUsage, usageRows } from './usage-export.ts'
import { readTop, readUsageQuery, refuseHeavy } from './usage-query.ts'
import { columnsOf, namesOf, showCounts, showSum, totalOf } from './usage-shown.ts'

/** What was used, as JSON or as a table for spreadsheets. */
export function usageRoutes({
  store,
  runtime,
}: Pick<AdminDeps, 'store' | 'runtime'>): readonly AdminRoute[] {
  return [
    bind(getUsage, async ({ query: given, headers }) => {
      const asked = readUsageQuery(given, runtime.clock.now())
      const isCsv =
        given.format === 'csv' || (given.format === undefined && wantsCsv(headers.accept))
      if (isCsv && given.top === undefined) {
        if (asked.bucket === null || asked.by.length === 0)
          refuseHeavy(await store.weighUsage(asked))
        return { body: told(asked, 0, []), ...asCsv(Readable.from(exportedUsage(store, asked))) }
      }
      const query = { ...asked, top: readTop(given.top, asked) }
      refuseHeavy(await store.weighUsage(query))
      const sums = await store.sumUsage(query)
      if (isCsv) {
        const content = await usageRows(store, query, sums, true)
        return {
          body: told(query, query.top, []),
          ...asCsv(csvText([columnsOf(query, true)]) + content),
        }
      }
      return { body: told(query, query.top, sums, await namesOf(query, sums, store)) }
    }),
  ]
}

const told = (
  query: UsageQuery,
  top: number,
  sums: readonly UsageSum[],
  names: ReadonlyMap<string, string> = new Map(),
) => ({
  object: 'list' as const,
  from: timeText(query.from),
  to: timeText(query.to),
  by: [...query.by],
  bucket: query.bucket,
  top,
  data: sums.map((sum) => showSum(query, sum, names)),
  total: showCounts(totalOf(sums)),
})

const wantsCsv = (accept: string | undefined): boolean =>
  /\btext\/csv\b/i.test(accept ?? '') && !/\bapplication\/json\b/i.test(accept ?? '')

const asCsv = (content: string | Readable) => ({
  text: { type: 'text/csv; charset=utf-8; header=present', content },
  headers: { 'content-disposition': 'attachment; filename="usage.csv"' },
})
