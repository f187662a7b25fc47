import { callKinds } from './logged-call.ts'
import { Adder, CallNumbers, type Sums } from './request-log-adder.ts'
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
  /** What callers gave, as `name=value`. */
  readonly pairs: readonly FacetValue[]
  /** All calls that fit. */
  readonly calls: number
  /** False: it took too long, and older ones were not counted. */
  readonly complete: boolean
}

export interface OverviewQuery {
  /** Asking for jobs, and handing them in, is not counted. */
  readonly filter: LogFilter
  readonly bucketMs: number
  /** Of the callers' own names, the one to add up by; null: by none. */
  readonly dimension: string | null
}

export interface Overview {
  readonly all: Sums
  readonly series: readonly (Sums & { readonly at: number })[]
  readonly by: Readonly<Record<SummedBy, readonly NamedSums[]>>
  /** By the values of the dimension that was asked for; calls without one are not among them. */
  readonly byDimension: readonly NamedSums[]
  /** Names that callers gave in this time, whether a call with one fits or not. */
  readonly dimensions: readonly string[]
  readonly complete: boolean
}

type NamedSums = Sums & { readonly name: string }

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
  readonly #pairs = new Map<string, number>()
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
        this.#countPairs(block, row)
      } else places[logDimensions.indexOf(failed)]?.count(row)
    }
    for (const [i, name] of logDimensions.entries()) places[i]?.into(this.#counts[name])
  }

  #countPairs({ pairs, pairsOf }: Block, row: number): void {
    for (const place of pairsOf.get(row) ?? []) {
      const pair = pairs[place] ?? ''
      const known = this.#pairs.get(pair)
      if (known !== undefined || this.#pairs.size < namesAtMost)
        this.#pairs.set(pair, (known ?? 0) + 1)
    }
  }

  facets(complete: boolean): Facets {
    const values = logDimensions.map((name) => [name, mostFrequent(this.#counts[name])])
    const pairs = mostFrequent(this.#pairs).map(({ value, calls }) => ({
      value: (JSON.parse(value) as [string, string]).join('='),
      calls,
    }))
    return { values: Object.fromEntries(values), pairs, calls: this.#calls, complete }
  }
}

const mostFrequent = (counts: ReadonlyMap<string, number>): readonly FacetValue[] =>
  [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, shownAtMost)
    .map(([value, calls]) => ({ value, calls }))

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
const pairsAtMost = 10_000

/** Adds calls up block by block. */
export class Overviewer {
  readonly #query: OverviewQuery
  readonly #series = new Map<number, Adder>()
  #lastAt = -1
  #last: Adder | null = null
  readonly #byDimension = new Map<string, Adder>()
  readonly #dimensions = new Set<string>()
  readonly #sumOfPair = new Map<string, Adder | null>()
  readonly #by = summedBy.map((column) => ({ column, adders: new Map<string, Adder>() }))

  constructor(query: OverviewQuery) {
    this.#query = query
  }

  add(block: Block): void {
    const conditions = conditionsIn(block, this.#query.filter)
    if (conditions.some(({ fits }) => fits === null)) return
    const { bucketMs } = this.#query
    const sumsOf = this.#sumsIn(block)
    const { columns } = block
    const own = this.#by.map(({ column, adders }) => ({
      places: columns[column],
      adders: block.names[column].map((name) => adderOf(adders, name)),
    }))
    const call = new CallNumbers()
    for (let row = 0; row < block.calls; row++) {
      const kind = callKinds[columns.kind[row] ?? 0]
      if (kind === 'submit' || kind === 'poll') continue
      if (conditions.length > 0 && !conditions.every(({ fits }) => fits?.(row))) continue
      const time = timeOf(columns.order[row] ?? 0)
      call.read(columns, row)
      this.#bucket(time - (time % bucketMs)).add(call)
      for (const { places, adders } of own) adders[places[row] ?? 0]?.add(call)
      sumsOf?.(row)?.add(call)
    }
  }

  /** The sum that a call belongs to by the dimension; null: there is none in the block, or none was asked for. */
  #sumsIn({ pairs, pairsOf }: Block): ((row: number) => Adder | undefined) | null {
    const adders = pairs.map((pair) => this.#sumOf(pair))
    if (!adders.some((adder) => adder !== null)) return null
    return (row) => {
      for (const place of pairsOf.get(row) ?? []) {
        const adder = adders[place]
        if (adder) return adder
      }
      return undefined
    }
  }

  /** Blocks have mostly the same pairs, and reading JSON costs more than remembering it. */
  #sumOf(pair: string): Adder | null {
    const known = this.#sumOfPair.get(pair)
    if (known !== undefined) return known
    const [name, value] = JSON.parse(pair) as [string, string]
    if (this.#dimensions.size < shownAtMost) this.#dimensions.add(name)
    const sum = name === this.#query.dimension ? adderOf(this.#byDimension, value) : null
    if (this.#sumOfPair.size < pairsAtMost) this.#sumOfPair.set(pair, sum)
    return sum
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
    const by = this.#by.map(({ column, adders }) => [column, namedSums(adders)])
    const all = new Adder()
    for (const adder of this.#series.values()) all.include(adder)
    return {
      all: all.sums(),
      series,
      by: Object.fromEntries(by),
      byDimension: namedSums(this.#byDimension),
      dimensions: [...this.#dimensions].toSorted(),
      complete,
    }
  }
}

function namedSums(adders: ReadonlyMap<string, Adder>): readonly NamedSums[] {
  const named = [...adders].filter(([name, { calls }]) => name !== '' && calls > 0)
  const sorted = named.toSorted(([, a], [, b]) => b.calls - a.calls).slice(0, shownAtMost)
  return sorted.map(([name, adder]) => ({ name, ...adder.sums() }))
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
