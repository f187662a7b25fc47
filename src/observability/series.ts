/** A family of Prometheus series: cells that are found by one map lookup, and text when somebody asks. */
export interface Family<Cell> {
  /** The cell for these label values, in the order of the label names; made at its first use. */
  cell(...values: readonly string[]): Cell
  /** The exposition format, version 0.0.4. */
  render(): string
}

export interface Counter {
  value: number
}

export interface Histogram {
  readonly sum: number
  readonly count: number
  observe(value: number): void
}

interface FamilyOptions<Cell> {
  readonly kind: 'counter' | 'histogram'
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  create(): Cell
  lines(labels: string, cell: Cell): readonly string[]
}

// Not the library's own counters: they hash and sort their labels on every increment, which was measured at a tenth
// of a whole call. The library still collects what a process shows of itself.
function createFamily<Cell>(options: FamilyOptions<Cell>): Family<Cell> {
  const cells = new Map<string, { readonly labels: string; readonly cell: Cell }>()
  return {
    cell(...values) {
      const key = values.join('\u0000')
      let found = cells.get(key)
      if (!found) {
        const pairs = options.labels.map((label, i) => `${label}="${escapeLabel(values[i] ?? '')}"`)
        found = { labels: pairs.join(','), cell: options.create() }
        cells.set(key, found)
      }
      return found.cell
    },
    render() {
      const { name, help, kind } = options
      const lines = [...cells.values()].flatMap(({ labels, cell }) => options.lines(labels, cell))
      return `${[`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...lines].join('\n')}\n`
    },
  }
}

export function createCounters(
  name: string,
  help: string,
  labels: readonly string[],
): Family<Counter> {
  return createFamily<Counter>({
    kind: 'counter',
    name,
    help,
    labels,
    create: () => ({ value: 0 }),
    lines: (pairs, { value }) => [`${name}{${pairs}} ${value}`],
  })
}

/** `bounds` are the upper ends of the buckets, in rising order. */
export function createHistograms(
  name: string,
  help: string,
  labels: readonly string[],
  bounds: readonly number[],
): Family<Histogram> {
  return createFamily<BucketCounts>({
    kind: 'histogram',
    name,
    help,
    labels,
    create: () => new BucketCounts(bounds),
    lines: (pairs, cell) => [
      ...cell
        .cumulative()
        .map((seen, i) => `${name}_bucket{le="${bounds[i] ?? '+Inf'}",${pairs}} ${seen}`),
      `${name}_sum{${pairs}} ${cell.sum}`,
      `${name}_count{${pairs}} ${cell.count}`,
    ],
  })
}

class BucketCounts implements Histogram {
  sum = 0
  count = 0
  readonly #bounds: readonly number[]
  /** One for each bound and one for what is over them all. */
  readonly #counts: number[]

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    let bucket = 0
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] as number)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.sum += value
    this.count++
  }

  cumulative(): readonly number[] {
    let seen = 0
    return this.#counts.map((count) => {
      seen += count
      return seen
    })
  }
}

const escapeLabel = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
