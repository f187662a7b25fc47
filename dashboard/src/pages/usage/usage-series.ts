import type { Series } from '../../parts/chart.tsx'
import { filled, slotsOf } from '../../parts/chart-series.ts'
import { type Dimension, nameOfAll, type UsageReport, type UsageSum } from './usage-shapes.ts'

const linesAtMost = 7
const stepsMs = { hour: 3_600_000, day: 86_400_000 } as const

/** The largest names by themselves, the others as one; times without use are there too, with nothing. */
export function usageSeries(
  report: UsageReport,
  by: readonly Dimension[],
  read: (sum: UsageSum) => number,
): { readonly at: readonly number[]; readonly series: readonly Series[] } {
  const times = timesOf(report)
  const places = new Map(times.map((time, place) => [time, place]))
  const rows = new Map<string, number[]>()
  for (const sum of report.data) {
    const place = places.get(Date.parse(sum.at ?? report.from))
    if (place === undefined) continue
    const name = nameOfAll(sum, by)
    const row = rows.get(name) ?? times.map(() => 0)
    row[place] = (row[place] ?? 0) + read(sum)
    rows.set(name, row)
  }
  const sorted = [...rows]
    .filter(([, row]) => total(row) > 0)
    .toSorted(([, a], [, b]) => total(b) - total(a))
  const [shown, rest] = [sorted.slice(0, linesAtMost), sorted.slice(linesAtMost)]
  const slots = slotsOf(shown.map(([name]) => name))
  const series = shown.map(([name, values]) => ({
    name,
    colour: slots.get(name) ?? '--c8',
    values,
  }))
  if (rest.length === 0) return { at: times, series }
  const values = times.map((_, place) => rest.reduce((sum, [, row]) => sum + (row[place] ?? 0), 0))
  return { at: times, series: [...series, { name: 'other', colour: '--c8', values }] }
}

const total = (row: readonly number[]): number => row.reduce((sum, each) => sum + each, 0)

/** Months differ in length: of them only those that were answered are shown. */
function timesOf({ data, from, to, bucket }: UsageReport): readonly number[] {
  if (bucket === 'hour' || bucket === 'day') {
    const range = { from: Date.parse(from), to: Date.parse(to), stepMs: stepsMs[bucket] }
    return filled([], range).map(({ at }) => at)
  }
  const known = new Set(data.map(({ at }) => Date.parse(at ?? from)))
  return [...known].toSorted((a, b) => a - b)
}
