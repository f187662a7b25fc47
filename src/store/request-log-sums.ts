import { callKinds } from './logged-call.ts'
import { type Block, timeOf } from './request-log-block.ts'
import {
  type Condition,
  conditionsIn,
  type LogDimension,
  type LogFilter,
  logDimensions,
} from './request-log-filter.ts'

export interface FacetValue {
  readonly value: string
  readonly calls: number
}

/** Of each dimension the names that occur most, at most a hundred. */
export interface Facets {
  readonly values: Readonly<Record<LogDimension, readonly FacetValue[]>>
  /** All calls that fit. */
  readonly calls: number
  /** False: it took too long, and older ones were not counted. */
  readonly complete: boolean
}

export interface Quantiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

export interface Sums {
  readonly calls: number
  /** Of status 400 and above, but for those whose client went away. */
  readonly errors: number
  readonly limited: number
  readonly left: number
  /** Answered, but not by the first that was asked. */
  readonly rescued: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens: number
  readonly reasoningTokens: number
  readonly costNanos: number
  /** Null: nothing was measured. Milliseconds, right to a tenth. */
  readonly duration: Quantiles | null
  readonly firstToken: Quantiles | null
}

export interface OverviewQuery {
  /** Asking for jobs, and handing them in, is not counted. */
  readonly filter: LogFilter
  readonly bucketMs: number
}

export interface Overview {
  readonly all: Sums
  readonly series: readonly (Sums & { readonly at: number })[]
  readonly by: Readonly<Record<SummedBy, readonly (Sums & { readonly name: string })[]>>
  readonly complete: boolean
}

const summedBy = ['provider', 'model', 'key'] as const
type SummedBy = (typeof summedBy)[number]

const shownAtMost = 100
const statusesAtMost = 1000

/** Counts names block by block. A call that only one dimension's own condition leaves out is counted in that one. */
export class FacetCounter {
  readonly #filter: LogFilter
  readonly #counts = Object.fromEntries(
    logDimensions.map((name) => [name, new Map<string, number>()]),
  ) as Record<LogDimension, Map<string, number>>
  #calls = 0

  constructor(filter: LogFilter) {
    this.#filter = filter
  }

  add(block: Block): void {
    const conditions = conditionsIn(block, this.#filter)
    if (conditions.filter(({ fits }) => fits === null).length > 1) return
    const places = logDimensions.map((name) => new Placed(block, name))
    for (let row = 0; row < block.calls; row++) {
      const failed = failedIn(conditions, row)
      if (failed === 'several') continue
      if (failed === 'none') {
        this.#calls++
        for (const place of places) place.count(row)
      } else places[logDimensions.indexOf(failed)]?.count(row)
    }
    for (const [i, name] of logDimensions.entries()) places[i]?.into(this.#counts[name])
  }

  facets(complete: boolean): Facets {
    const values = logDimensions.map((name) => {
      const sorted = [...this.#counts[name]].toSorted(([, a], [, b]) => b - a)
      return [name, sorted.slice(0, shownAtMost).map(([value, calls]) => ({ value, calls }))]
    })
    return { values: Object.fromEntries(values), calls: this.#calls, complete }
  }
}

function failedIn(
  conditions: readonly Condition[],
  row: number,
): LogDimension | 'none' | 'several' {
  let failed: LogDimension | 'none' = 'none'
  for (const { dimension, fits } of conditions) {
    if (fits?.(row)) continue
    if (dimension === null || failed !== 'none') return 'several'
    failed = dimension
  }
  return failed
}

/** How often each place of one column was met in a block. */
class Placed {
  readonly #places: Block['columns'][LogDimension]
  readonly #names: readonly string[] | null
  readonly #counts: Uint32Array

  constructor({ columns, names }: Block, dimension: LogDimension) {
    this.#places = columns[dimension]
    const isNumber = dimension === 'status'
    this.#names = isNumber ? null : dimension === 'kind' ? callKinds : names[dimension]
    this.#counts = new Uint32Array(this.#names?.length ?? statusesAtMost)
  }

  count(row: number): void {
    const place = this.#places[row] ?? 0
    this.#counts[place] = (this.#counts[place] ?? 0) + 1
  }

  into(all: Map<string, number>): void {
    for (const [place, calls] of this.#counts.entries()) {
      if (calls === 0) continue
      const name = this.#names ? (this.#names[place] ?? '') : String(place)
      if (name !== '') all.set(name, (all.get(name) ?? 0) + calls)
    }
  }
}

const namesAtMost = 2000

/** Adds calls up block by block. */
export class Overviewer {
  readonly #query: OverviewQuery
  readonly #series = new Map<number, Adder>()
  #lastAt = -1
  #last: Adder | null = null
  readonly #by = summedBy.map((column) => ({ column, adders: new Map<string, Adder>() }))

  constructor(query: OverviewQuery) {
    this.#query = query
  }

  add(block: Block): void {
    const conditions = conditionsIn(block, this.#query.filter)
    if (conditions.some(({ fits }) => fits === null)) return
    const { bucketMs } = this.#query
    const { columns } = block
    const own = this.#by.map(({ column, adders }) => ({
      places: columns[column],
      adders: block.names[column].map((name) => adderOf(adders, name)),
    }))
    for (let row = 0; row < block.calls; row++) {
      const kind = callKinds[columns.kind[row] ?? 0]
      if (kind === 'submit' || kind === 'poll') continue
      if (conditions.length > 0 && !conditions.every(({ fits }) => fits?.(row))) continue
      const time = timeOf(columns.order[row] ?? 0)
      const [duration, firstToken] = [columns.duration[row] ?? 0, columns.firstToken[row] ?? 0]
      // Found once for all sums: a logarithm costs more than adding everything else.
      const bin = binOf(duration)
      const firstBin = firstToken > 0 ? binOf(firstToken) : null
      this.#bucket(time - (time % bucketMs)).add(columns, row, bin, firstBin)
      for (const { places, adders } of own)
        adders[places[row] ?? 0]?.add(columns, row, bin, firstBin)
    }
  }

  /** Most calls are in the bucket of the one before. */
  #bucket(at: number): Adder {
    if (at === this.#lastAt && this.#last) return this.#last
    const adder = this.#series.get(at) ?? new Adder()
    this.#series.set(at, adder)
    this.#lastAt = at
    this.#last = adder
    return adder
  }

  overview(complete: boolean): Overview {
    const series = [...this.#series]
      .toSorted(([a], [b]) => a - b)
      .map(([at, adder]) => ({ at, ...adder.sums() }))
    const by = this.#by.map(({ column, adders }) => {
      const named = [...adders].filter(([name, { calls }]) => name !== '' && calls > 0)
      const sorted = named.toSorted(([, a], [, b]) => b.calls - a.calls).slice(0, shownAtMost)
      return [column, sorted.map(([name, adder]) => ({ name, ...adder.sums() }))]
    })
    const all = new Adder()
    for (const adder of this.#series.values()) all.include(adder)
    return { all: all.sums(), series, by: Object.fromEntries(by), complete }
  }
}

/** Names are the callers' choice where no provider was asked: beyond a bound they share one sum. */
function adderOf(adders: Map<string, Adder>, given: string): Adder {
  const name = adders.has(given) || adders.size < namesAtMost ? given : '_other'
  const known = adders.get(name)
  if (known) return known
  const adder = new Adder()
  adders.set(name, adder)
  return adder
}

class Adder {
  calls = 0
  #errors = 0
  #limited = 0
  #left = 0
  #rescued = 0
  #input = 0
  #output = 0
  #cached = 0
  #reasoning = 0
  #cost = 0
  readonly #duration = new Histogram()
  readonly #firstToken = new Histogram()

  add(columns: Block['columns'], row: number, bin: number, firstBin: number | null): void {
    const status = columns.status[row] ?? 0
    this.calls++
    if (status === 499) this.#left++
    else if (status >= 400) this.#errors++
    else if ((columns.fallback[row] ?? 0) > 0 || (columns.attempts[row] ?? 0) > 1) this.#rescued++
    if (status === 429) this.#limited++
    this.#input += columns.input[row] ?? 0
    this.#output += columns.output[row] ?? 0
    this.#cached += columns.cached[row] ?? 0
    this.#reasoning += columns.reasoning[row] ?? 0
    const cost = columns.cost[row] ?? 0
    if (cost > 0) this.#cost += cost
    this.#duration.add(bin)
    if (firstBin !== null) this.#firstToken.add(firstBin)
  }

  include(other: Adder): void {
    this.calls += other.calls
    this.#errors += other.#errors
    this.#limited += other.#limited
    this.#left += other.#left
    this.#rescued += other.#rescued
    this.#input += other.#input
    this.#output += other.#output
    this.#cached += other.#cached
    this.#reasoning += other.#reasoning
    this.#cost += other.#cost
    this.#duration.include(other.#duration)
    this.#firstToken.include(other.#firstToken)
  }

  sums(): Sums {
    return {
      calls: this.calls,
      errors: this.#errors,
      limited: this.#limited,
      left: this.#left,
      rescued: this.#rescued,
      inputTokens: this.#input,
      outputTokens: this.#output,
      cachedInputTokens: this.#cached,
      reasoningTokens: this.#reasoning,
      costNanos: this.#cost,
      duration: this.#duration.quantiles(),
      firstToken: this.#firstToken.quantiles(),
    }
  }
}

/** Eight bins to each doubling, from a sixteenth of a millisecond to six days. */
const perDoubling = 8
const lowest = -4
const bins = 32 * perDoubling

function binOf(ms: number): number {
  const bin = ms > 0 ? Math.floor((Math.log2(ms) - lowest) * perDoubling) : 0
  return Math.max(0, Math.min(bins - 1, bin))
}

class Histogram {
  #counts: Uint32Array | null = null
  #total = 0

  add(bin: number): void {
    this.#counts ??= new Uint32Array(bins)
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1
    this.#total++
  }

  include(other: Histogram): void {
    const counts = other.#counts
    if (counts === null) return
    this.#counts ??= new Uint32Array(bins)
    for (const [bin, count] of counts.entries())
      this.#counts[bin] = (this.#counts[bin] ?? 0) + count
    this.#total += other.#total
  }

  quantiles(): Quantiles | null {
    if (this.#counts === null) return null
    return { p50: this.#at(0.5), p95: this.#at(0.95), p99: this.#at(0.99) }
  }

  /** The middle of the bin in which it lies. */
  #at(part: number): number {
    let left = Math.ceil(this.#total * part)
    const bin = this.#counts?.findIndex((count) => {
      left -= count
      return left <= 0
    })
    return Math.round(2 ** (((bin ?? 0) + 0.5) / perDoubling + lowest) * 100) / 100
  }
}
