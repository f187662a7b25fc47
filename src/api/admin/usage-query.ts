import type { UsageDimension, UsageQuery } from '../../store/ledger-store.ts'
import { invalid } from './check-fields.ts'
import { usageDimensions } from './contract-money.ts'

const hourMs = 3_600_000
export const dayMs = 24 * hourMs
const usualDays = 30
/** The longest that may be asked for: what lies beyond is either a slip of the pen or a load. */
const longestMs = { hour: 93 * dayMs, day: 3660 * dayMs, month: 36_600 * dayMs }
/** Of one answer: writing it holds up whoever calls a model meanwhile. */
const mostRows = 5000
const mostGroups = 1000
/** Of one answer, in microseconds of a quiet machine. */
const mostCost = 125_000

export type GivenUsage = Readonly<Record<string, unknown>> & {
  readonly from?: string
  readonly to?: string
  readonly by?: string
  readonly bucket?: 'hour' | 'day' | 'month'
  readonly top?: number
}

/** What is asked, all of it. Throws `invalid_request`. */
export function readUsageQuery(given: GivenUsage, now: number): UsageQuery {
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

/**
 * How many combinations get rows of their own in one answer: as many as were asked for, or as fit. Throws
 * `invalid_request` where those that were asked for do not fit.
 */
export function readTop(given: number | undefined, query: UsageQuery): number {
  const buckets = bucketsIn(query)
  const fitting = Math.max(1, Math.min(mostGroups, Math.floor(mostRows / buckets) - 1))
  if (given === undefined || given <= fitting) return given ?? fitting
  throw invalid(
    'top',
    `In ${buckets} buckets "top" may be at most ${fitting}: ask for less time, for longer buckets, or for CSV, which has everything`,
  )
}

function bucketsIn({ bucket, from, to }: UsageQuery): number {
  if (bucket === null) return 1
  return Math.ceil(
    (to - from) / (bucket === 'month' ? 28 * dayMs : bucket === 'day' ? dayMs : hourMs),
  )
}

/** Throws `invalid_request` for what would keep the store busy for long. */
export function refuseHeavy({
  reads,
  cost,
}: {
  readonly reads: number
  readonly cost: number
}): void {
  if (cost <= mostCost) return
  throw invalid(
    'from',
    `Too much would be added up for one answer (${reads} sums). Ask for less time; for days instead of hours; for callers (key, team, customer) and models (route, provider, model) one at a time; or with "bucket" as CSV, which is read a day at a time`,
  )
}
