import { Select } from '../parts/field.tsx'
import { useUrlState } from './url-state.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

const ranges = {
  '15m': { name: 'Last 15 minutes', lengthMs: 15 * minuteMs, bucketMs: minuteMs / 2 },
  '1h': { name: 'Last hour', lengthMs: hourMs, bucketMs: minuteMs },
  '6h': { name: 'Last 6 hours', lengthMs: 6 * hourMs, bucketMs: 5 * minuteMs },
  '24h': { name: 'Last 24 hours', lengthMs: dayMs, bucketMs: 15 * minuteMs },
  '7d': { name: 'Last 7 days', lengthMs: 7 * dayMs, bucketMs: 2 * hourMs },
  '30d': { name: 'Last 30 days', lengthMs: 30 * dayMs, bucketMs: 6 * hourMs },
} as const
type RangeName = keyof typeof ranges

export interface Range {
  readonly name: string
  readonly bucketMs: number
  readonly lengthMs: number
  /** Whether it ends now, and so goes on. */
  readonly isLive: boolean
  /** For the API; to be worked out when it is asked. */
  readonly times: () => { readonly from: string; readonly to?: string }
}

/** The time that the address names: `range=1h`, or `from` and `to` after something was marked in a chart. */
export function useRange(usual: RangeName = '1h'): Range {
  const [{ range, from, to }] = useUrlState()
  if (from !== undefined && to !== undefined) {
    const lengthMs = Math.max(minuteMs, Date.parse(to) - Date.parse(from))
    return {
      name: `${from} ${to}`,
      bucketMs: niceBucket(lengthMs),
      lengthMs,
      isLive: false,
      times: () => ({ from, to }),
    }
  }
  const { name, lengthMs, bucketMs } = ranges[toRange(range, usual)]
  const times = () => ({ from: new Date(Date.now() - lengthMs).toISOString() })
  return { name, bucketMs, lengthMs, isLive: true, times }
}

const toRange = (text: string | undefined, usual: RangeName): RangeName =>
  text !== undefined && Object.hasOwn(ranges, text) ? (text as RangeName) : usual

/** At most 120 of them. */
const niceBucket = (lengthMs: number): number =>
  [1000, 10_000, 30_000, minuteMs, 5 * minuteMs, 15 * minuteMs, hourMs, 6 * hourMs].find(
    (each) => lengthMs / each <= 120,
  ) ?? dayMs

export function TimeRange({ usual = '1h' }: { readonly usual?: RangeName }) {
  const [{ range, from, to }, change] = useUrlState()
  const isMarked = from !== undefined && to !== undefined
  return (
    <Select
      label="Time"
      isCompact
      value={isMarked ? 'marked' : toRange(range, usual)}
      onChange={(value) => change({ range: value, from: undefined, to: undefined })}
      options={[
        ...Object.entries(ranges).map(([value, { name }]) => [value, name] as const),
        ...(isMarked ? [['marked', 'As marked'] as const] : []),
      ]}
    />
  )
}
