// From windows to ratios. Only ratios within a round mean something; times are for orientation.
import { median, quantile } from '../statistics.ts'
import type { Role, Variant } from './variants.ts'
import type { Results, Window, Workload } from './workloads.ts'

type Windows = readonly (Window | undefined)[]

/** Two estimators of cost(a) / cost(b). Where they disagree, the run was too noisy for a claim. */
export interface Ratio {
  readonly median: number
  readonly ofMinima: number
  readonly min: number
  readonly max: number
  readonly rounds: number
}

interface Added {
  readonly p50Us: number
  readonly p99Us: number
  readonly firstByteP50Us: number
  readonly firstByteP99Us: number
}

export interface Row {
  readonly cpuUs: number | null
  readonly overBase: Ratio | null
  readonly overNginx: Ratio | null
  readonly portkeyOverThis: Ratio | null
  readonly requestsPerS: number
  readonly util: number
  readonly p50Us: number
  readonly p99Us: number
  /** Above going to the upstream directly; open loop only. */
  readonly added: Added | null
  readonly errors: number
}

export interface Summary {
  readonly title: string
  readonly unit: 'request' | 'stream'
  /** Whether the A/A control stayed within 0.85..1.15 in at least two rounds. */
  readonly quiet: boolean
  readonly rows: Readonly<Record<string, Row>>
}

/** Pairs windows of the same round; null without a pair. */
function compareCost(a: Windows | undefined, b: Windows | undefined): Ratio | null {
  if (!a || !b) return null
  const pairs = a
    .map((window, round) => (window?.cost ?? Number.NaN) / (b[round]?.cost ?? Number.NaN))
    .filter(Number.isFinite)
  if (pairs.length === 0) return null
  const least = (windows: Windows) =>
    Math.min(...windows.map((window) => window?.cost ?? Number.NaN).filter(Number.isFinite))
  return {
    median: median(pairs),
    ofMinima: least(a) / least(b),
    min: Math.min(...pairs),
    max: Math.max(...pairs),
    rounds: pairs.length,
  }
}

function pooledTail(windows: Windows, field: 'latencies' | 'firstBytes'): number {
  return quantile(
    windows.flatMap((window) => window?.[field] ?? []),
    0.99,
  )
}

/** Medians of paired differences; the tails are of pooled samples. */
function addedLatency(windows: Windows, direct: Windows): Added {
  const difference = (field: 'p50' | 'first50') =>
    median(
      windows.map(
        (window, round) => (window?.[field] ?? Number.NaN) - (direct[round]?.[field] ?? Number.NaN),
      ),
    )
  return {
    p50Us: difference('p50'),
    p99Us: pooledTail(windows, 'latencies') - pooledTail(direct, 'latencies'),
    firstByteP50Us: difference('first50'),
    firstByteP99Us: pooledTail(windows, 'firstBytes') - pooledTail(direct, 'firstBytes'),
  }
}

function summariseVariant(
  variant: Variant,
  windows: Windows,
  of: (role: Role) => Windows | undefined,
  isOpenLoop: boolean,
): Row {
  const seen = windows.filter((window) => window !== undefined)
  const value = (read: (window: Window) => number) => median(seen.map(read))
  const direct = of('direct')
  const isProxy = variant.role !== 'direct'
  return {
    cpuUs: isProxy ? value((window) => window.cost) : null,
    overBase: isProxy ? compareCost(windows, of('base')) : null,
    overNginx: isProxy ? compareCost(windows, of('nginx')) : null,
    portkeyOverThis: isProxy ? compareCost(of('peer'), windows) : null,
    requestsPerS: value((window) => window.rps),
    util: value((window) => window.util),
    p50Us: value((window) => window.p50),
    p99Us: isOpenLoop ? pooledTail(seen, 'latencies') : value((window) => window.p99),
    added: isProxy && isOpenLoop && direct ? addedLatency(windows, direct) : null,
    errors: seen.reduce((sum, window) => sum + window.errors + window.notOk, 0),
  }
}

export function summarise(workload: Workload, results: Results): Summary {
  const of = (role: Role) => [...results].find(([variant]) => variant.role === role)?.[1]
  const rows: Record<string, Row> = {}
  for (const [variant, windows] of results) {
    rows[variant.label] = summariseVariant(variant, windows, of, workload.rate !== undefined)
  }
  const control = compareCost(of('control'), of('base'))
  const isQuiet = (ratio: number) => ratio >= 0.85 && ratio <= 1.15
  return {
    title: workload.title,
    unit: workload.unit,
    quiet:
      control !== null &&
      control.rounds >= 2 &&
      isQuiet(control.median) &&
      isQuiet(control.ofMinima),
    rows,
  }
}
