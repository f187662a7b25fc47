import { formatNumber } from '../statistics.ts'
import { benchDialects } from './dialects.ts'
import type { Ratio, Row, Summary } from './summary.ts'

/** `met` is null where it was not measured, or where the two estimators disagree about it. */
export interface Goal {
  readonly workload: string
  readonly goal: string
  readonly values: readonly number[]
  readonly met: boolean | null
  /** Whether the machine was quiet enough for a verdict. */
  readonly quiet: boolean
}

type Read = (row: Row) => number[]
type Holds = (value: number) => boolean

const both = (ratio: Ratio | null) => (ratio ? [ratio.median, ratio.ofMinima] : [])

type Judged = readonly [workload: string, goal: string, read: Read, holds: Holds, label?: string]

const goals: readonly Judged[] = [
  ['json_1k', 'CPU at most 1.6 x the raw relay', (row) => both(row.overBase), (x) => x <= 1.6],
  ['json_1k', 'CPU at most 4 x nginx', (row) => both(row.overNginx), (x) => x <= 4],
  ['json_1k', 'Portkey at least 9 x ours', (row) => both(row.portkeyOverThis), (x) => x >= 9],
  ['json_20k', 'CPU at most 7.6 x nginx', (row) => both(row.overNginx), (x) => x <= 7.6],
  ['stream', 'CPU at most 2.5 x nginx', (row) => both(row.overNginx), (x) => x <= 2.5],
  [
    'rate_500',
    'added latency p50 below 400 µs',
    (row) => (row.added ? [row.added.p50Us] : []),
    (x) => x < 400,
  ],
  ...benchDialects.flatMap(({ name }) => [atMost('json', name, 3), atMost('stream', name, 2)]),
]

function atMost(form: 'json' | 'stream', dialect: string, most: number): Judged {
  const goal = `${dialect}: CPU at most ${most} x what passes through`
  return [`translate_${form}`, goal, (row) => both(row.overBase), (x) => x <= most, dialect]
}

export function judgeGoals(summaries: ReadonlyMap<string, Summary>): Goal[] {
  return goals
    .filter(([workload]) => summaries.has(workload))
    .map(([workload, goal, read, holds, label = 'sluice']) => {
      const summary = summaries.get(workload)
      const row = summary?.rows[label]
      const values = row && row.errors === 0 ? read(row).filter(Number.isFinite) : []
      return { workload, goal, values, met: agree(values, holds), quiet: summary?.quiet ?? false }
    })
}

export function judgeAborts(p99Us: number, neverClosed: number): Goal {
  const values = [p99Us].filter(Number.isFinite)
  const holds = (x: number) => x <= 10_000 && neverClosed === 0
  const goal = 'p99 within 10 ms, and none that stays open'
  return { workload: 'abort', goal, values, met: agree(values, holds), quiet: true }
}

function agree(values: readonly number[], holds: Holds): boolean | null {
  if (values.length === 0 || values.some(holds) !== values.every(holds)) return null
  return values.every(holds)
}

export function describeGoal({ workload, goal, values, met, quiet }: Goal): string {
  const start = `- ${workload}: ${goal}:`
  if (values.length === 0) return `${start} not measured`
  const word = met === null ? 'undecided' : met ? 'met' : 'NOT met'
  const figures = values.map((value) => formatNumber(value)).join(' and ')
  return `${start} ${word}: ${figures}${quiet ? '' : ' (noisy run, no verdict)'}`
}
