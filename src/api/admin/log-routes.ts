import { Readable } from 'node:stream'
import { GatewayError } from '../../core/errors.ts'
import type { Clock } from '../../core/runtime.ts'
import type { LogTail } from '../../gateway/log-tail.ts'
import type { RequestLog } from '../../store/request-log.ts'
import type { Sums } from '../../store/request-log-adder.ts'
import { type LogFilter, logDimensions } from '../../store/request-log-filter.ts'
import { type AdminRoute, bind } from './admin-route.ts'
import {
  exportLogs,
  getLog,
  getLogFacets,
  getOverview,
  listLogs,
  tailLogs,
} from './contract-logs.ts'
import { exportedCsv, exportedLines } from './log-export.ts'
import { readLogFilter } from './log-query.ts'
import { showDetail, showLogged, showLoss, showSums } from './log-shown.ts'
import { tailStream } from './log-tail-stream.ts'
import { timeText, timeTextOrNull, usualLimit } from './page.ts'

export interface LogRouteDeps {
  /** Null: it is off. */
  readonly log: RequestLog | null
  readonly tail: LogTail
  readonly clock: Clock
  /** Calls that are in no log. */
  readonly lost: () => number
}

const dayMs = 86_400_000
const usualExport = 100_000

/** The log of requests over HTTP. */
export function logRoutes(deps: LogRouteDeps): readonly AdminRoute[] {
  const { tail, clock, lost } = deps
  const use = (): RequestLog => {
    if (deps.log) return deps.log
    throw new GatewayError('unknown_route', 'There is no request log: request_log.enabled is false')
  }
  return [
    bind(listLogs, async ({ query: { limit = usualLimit, after = null, ...given } }) => {
      const { calls, next, searchedTo } = await use().find(readLogFilter(given), after, limit)
      return {
        body: {
          object: 'list',
          data: calls.map(showLogged),
          has_more: next !== null,
          next,
          searched_back_to: timeTextOrNull(searchedTo),
          lost_calls: lost(),
        },
      }
    }),
    bind(getLogFacets, async ({ query }) => {
      const { calls, complete, values, pairs } = await use().facets(readLogFilter(query))
      const facets = Object.fromEntries(
        logDimensions.map((name) => [name, [...values[name]]]),
      ) as Record<(typeof logDimensions)[number], { value: string; calls: number }[]>
      return { body: { object: 'facets', calls, complete, ...facets, dimension: [...pairs] } }
    }),
    bind(exportLogs, async ({ query: { format = 'ndjson', limit, after = null, ...given } }) => {
      const question = { filter: readLogFilter(given), after, limit: limit ?? usualExport }
      const isCsv = format === 'csv'
      const pieces = isCsv ? exportedCsv(use(), question) : exportedLines(use(), question)
      const name = `calls-${timeText(clock.now()).slice(0, 19).replaceAll(':', '')}.${format}`
      return {
        body: '',
        text: {
          type: isCsv ? 'text/csv; charset=utf-8; header=present' : 'application/x-ndjson',
          content: Readable.from(pieces),
        },
        headers: { 'content-disposition': `attachment; filename="${name}"` },
      }
    }),
    bind(tailLogs, async ({ headers }) => {
      use()
      const seen = Number(headers['last-event-id'] ?? Number.NaN)
      const since = Number.isSafeInteger(seen) ? seen : null
      const content = tailStream(tail, since, clock)
      return { body: '', text: { type: 'text/event-stream; charset=utf-8', content } }
    }),
    bind(getLog, async ({ params: { id = '' } }) => {
      const found = await use().get(id.toLowerCase())
      if (found) return { body: showDetail(id.toLowerCase(), found) }
      throw new GatewayError(
        'unknown_route',
        'There is no such call in the log. It was never made, or is no longer kept.',
      )
    }),
    bind(getOverview, async ({ query: { bucket, by_dimension: dimension = null, ...given } }) => {
      const { filter, from, to } = periodOf(readLogFilter(given), clock.now())
      const bucketMs = bucket ? bucketsMs[bucket] : fittingBucket(to - from)
      const log = use()
      const [found, losses] = await Promise.all([
        log.overview({ filter: { ...filter, from, to }, bucketMs, dimension }),
        log.losses(from, to),
      ])
      const named = (list: readonly (Sums & { readonly name: string })[]) =>
        list.map((each) => ({ name: each.name, ...showSums(each) }))
      return {
        body: {
          object: 'overview',
          from: timeText(from),
          to: timeText(to),
          bucket_ms: bucketMs,
          complete: found.complete,
          all: showSums(found.all),
          series: found.series.map((each) => ({ at: timeText(each.at), ...showSums(each) })),
          by_provider: named(found.by.provider),
          by_model: named(found.by.model),
          by_key: named(found.by.key),
          by_dimension: named(found.byDimension),
          dimensions: [...found.dimensions],
          losses: losses.map(showLoss),
        },
      }
    }),
  ]
}

function periodOf(filter: LogFilter, now: number) {
  const to = filter.to ?? now + 1
  return { filter, from: filter.from ?? to - dayMs, to }
}

const bucketsMs = { minute: 60_000, hour: 3_600_000, day: dayMs } as const
const steps = [1, 5, 15, 60, 360, 1440].map((minutes) => minutes * 60_000)
const bucketsAtMost = 120

const fittingBucket = (periodMs: number): number =>
  steps.find((step) => periodMs / step <= bucketsAtMost) ?? dayMs
