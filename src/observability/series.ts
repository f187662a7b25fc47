/** Label values in the order of the metric's label names. */
type Values = readonly string[]

export interface CounterCell {
  value: number
}

export interface HistogramCell {
  sum: number
  count: number
  /** Per bucket, not cumulative; the last is the overflow. */
  readonly counts: number[]
}

/**
 * A family of Prometheus series. A call adds to cells that it finds by one map lookup, and text is made when somebody
 * asks: a library's counters hash and sort their labels on every increment, which was measured at a tenth of a call.
 */
abstract class Family<Cell> {
  readonly #cells = new Map<string, { readonly values: Values; readonly cell: Cell }>()
  readonly #name: string
  readonly #help: string
  readonly labels: readonly string[]

  constructor(name: string, help: string, labels: readonly string[]) {
    this.#name = name
    this.#help = help
    this.labels = labels
  }

  abstract readonly kind: 'counter' | 'histogram'
  protected abstract create(): Cell
  protected abstract lines(name: string, labels: string, cell: Cell): string[]

  /** The cell for these label values, made at its first use. */
  cell(...values: Values): Cell {
    const key = values.join('\u0000')
    let found = this.#cells.get(key)
    if (!found) {
      found = { values, cell: this.create() }
      this.#cells.set(key, found)
    }
    return found.cell
  }

  /** Text in the Prometheus exposition format, version 0.0.4. */
  render(): string {
    const lines = [`# HELP ${this.#name} ${this.#help}`, `# TYPE ${this.#name} ${this.kind}`]
    for (const { values, cell } of this.#cells.values()) {
      const labels = this.labels.map((label, i) => `${label}="${escapeLabel(values[i] ?? '')}"`)
      lines.push(...this.lines(this.#name, labels.join(','), cell))
    }
    return `${lines.join('\n')}\n`
  }
}

export class CounterFamily extends Family<CounterCell> {
  readonly kind = 'counter'

  protected create(): CounterCell {
    return { value: 0 }
  }

  protected lines(name: string, labels: string, { value }: CounterCell): string[] {
    return [`${name}{${labels}} ${value}`]
  }
}

export class HistogramFamily extends Family<HistogramCell> {
  readonly kind = 'histogram'
  readonly #bounds: readonly number[]

  /** `bounds` are upper ends, in rising order. */
  constructor(name: string, help: string, labels: readonly string[], bounds: readonly number[]) {
    super(name, help, labels)
    this.#bounds = bounds
  }

  observe(cell: HistogramCell, value: number): void {
    let bucket = 0
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] as number)) bucket++
    cell.counts[bucket] = (cell.counts[bucket] ?? 0) + 1
    cell.sum += value
    cell.count++
  }

  protected create(): HistogramCell {
    return { sum: 0, count: 0, counts: new Array(this.#bounds.length + 1).fill(0) }
  }

  protected lines(name: string, labels: string, { sum, count, counts }: HistogramCell): string[] {
    let seen = 0
    const buckets = this.#bounds.map((bound, i) => {
      seen += counts[i] ?? 0
      return `${name}_bucket{le="${bound}",${labels}} ${seen}`
    })
    return [
      ...buckets,
      `${name}_bucket{le="+Inf",${labels}} ${count}`,
      `${name}_sum{${labels}} ${sum}`,
      `${name}_count{${labels}} ${count}`,
    ]
  }
}

const escapeLabel = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
