import type { UsageDimension, UsageQuery } from './ledger-store.ts'
import { grainFor, nextStartOf, startOf } from './usage-grains.ts'

/** Sums of one grain that are read together. */
export interface Stretch {
  readonly grain: number
  /** Epoch ms, to exclusive. */
  readonly from: number
  readonly to: number
  /** Of a month that counts for the most part, the rest is taken away. */
  readonly times: 1 | -1
  /** Which bucket they fall into: what their own time says, its day, or this one; null: there are none. */
  readonly bucket: 'own' | 'day' | number | null
}

type Question = Pick<UsageQuery, 'from' | 'to' | 'by' | 'bucket' | 'only'>

/** Whole months and days are read as such, what is left of them at the ends as hours. */
export function stretchesOf(query: Question): readonly Stretch[] {
  const [from, to] = [startOf('hour', query.from), nextStartOf('hour', query.to)]
  const asked = [...query.by, ...(Object.keys(query.only) as UsageDimension[])]
  const hours = grainFor('hour', asked)
  if (query.bucket === 'hour') return stretch(hours, from, to, 'own')
  const days = (start: number, end: number, bucket: number | null): readonly Stretch[] => {
    const [first, last] = [nextStartOf('day', start), startOf('day', end)]
    const isByDay = query.bucket === 'day'
    const cut = isByDay ? 'day' : bucket
    if (first >= last) return stretch(hours, start, end, cut)
    const whole = stretch(grainFor('day', asked), first, last, isByDay ? 'own' : bucket)
    return [...stretch(hours, start, first, cut), ...whole, ...stretch(hours, last, end, cut)]
  }
  if (query.bucket === 'day') return days(from, to, null)
  const isByMonth = query.bucket === 'month'
  const months = monthsOf(from, to).flatMap(([start, end]) => {
    const [first, next] = [startOf('month', start), nextStartOf('month', end)]
    const bucket = isByMonth ? first : null
    const isMost = (end - start) * 2 > next - first
    if (!isMost) return days(start, end, bucket)
    const whole = stretch(grainFor('month', asked), first, next, isByMonth ? 'own' : null)
    const rest = [...days(first, start, bucket), ...days(end, next, bucket)]
    return [...whole, ...rest.map((one) => ({ ...one, times: -1 as const }))]
  })
  return months.reduce(join, [])
}

/** What follows each other is one question. */
function join(done: readonly Stretch[], next: Stretch): readonly Stretch[] {
  const at = done.findIndex(
    ({ grain, times, bucket, to }) =>
      grain === next.grain && times === next.times && bucket === next.bucket && to === next.from,
  )
  const before = done[at]
  return before ? done.with(at, { ...before, to: next.to }) : [...done, next]
}

const stretch = (
  grain: number,
  from: number,
  to: number,
  bucket: Stretch['bucket'],
): readonly Stretch[] => (from < to ? [{ grain, from, to, times: 1, bucket }] : [])

function monthsOf(from: number, to: number): readonly (readonly [number, number])[] {
  const months: (readonly [number, number])[] = []
  for (let start = from; start < to; ) {
    const end = Math.min(to, nextStartOf('month', start + 1))
    months.push([start, end])
    start = end
  }
  return months
}
