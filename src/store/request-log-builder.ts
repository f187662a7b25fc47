import { callKinds, type LogEntry, type LoggedCall } from './logged-call.ts'
import {
  blockVersion,
  type Columns,
  columnsIn,
  dayOf,
  type EncodedBlock,
  headBytes,
  hexIn,
  type NameColumn,
  nameColumns,
  orderOf,
  rowBytes,
} from './request-log-block.ts'

const usualCalls = 1024
const usualTextBytes = 1024 * 1024
const kinds = callKinds as readonly string[]
const newline = 0x0a

/**
 * Makes blocks of calls as they come. A call is written into columns and bytes at once: kept as an object until its batch
 * is full, it would outlive what the garbage collector cleans up for nothing.
 */
export class BatchBuilder {
  readonly #days = new Map<number, BlockBuilder>()
  /** Memory that is used again with the next batch. */
  #spare: BlockBuilder | null = null
  calls = 0

  get bytes(): number {
    let sum = this.calls * rowBytes
    for (const { textBytes } of this.#days.values()) sum += textBytes
    return sum
  }

  /** `text`: the call as a line of JSON. False: its id is no UUIDv7, so it cannot be kept. */
  add(call: LoggedCall, text: string): boolean {
    const day = dayOf(call.id)
    if (Number.isNaN(day)) return false
    let builder = this.#days.get(day)
    if (!builder) {
      builder = this.#spare ?? new BlockBuilder()
      this.#spare = null
      this.#days.set(day, builder)
    }
    builder.add(call, text)
    this.calls++
    return true
  }

  /** What was added since the last time: a block for each day on which calls began. */
  take(): readonly EncodedBlock[] {
    const blocks = [...this.#days].map(([day, builder]) => {
      const block = builder.take(day)
      this.#spare = builder
      return block
    })
    this.#days.clear()
    this.calls = 0
    return blocks
  }
}

/** What is stored of entries. Those whose id is no UUIDv7 are left out. */
export function encodeEntries(entries: readonly LogEntry[]): readonly EncodedBlock[] {
  const builder = new BatchBuilder()
  for (const entry of entries) builder.add(entry, entry.text)
  return builder.take()
}

class BlockBuilder {
  #capacity = usualCalls
  #columns = columnsOf(usualCalls)
  #texts: Buffer = Buffer.allocUnsafeSlow(usualTextBytes)
  textBytes = 0
  #calls = 0
  #isSorted = true
  #names = newNames()
  #pairs = new Map<string, number>()
  #pairsOf: { readonly row: number; readonly pairs: readonly number[] }[] = []
  /** By row; empty until somebody gives one. */
  #labels: string[] = []

  add(call: LoggedCall, text: string): void {
    if (this.#calls === this.#capacity) this.#grow()
    const row = this.#calls++
    const columns = this.#columns
    const { id } = call
    columns.order[row] = orderOf(id)
    columns.low[row] = hexIn(id, 19, 23) * 65_536 + hexIn(id, 24, 28)
    columns.lower[row] = hexIn(id, 28, 36)
    columns.line[row] = row
    columns.cost[row] = call.costNanos ?? Number.NaN
    columns.duration[row] = call.durationMs
    columns.firstToken[row] = call.firstTokenMs ?? Number.NaN
    columns.input[row] = call.inputTokens
    columns.output[row] = call.outputTokens
    columns.cached[row] = call.cachedInputTokens
    columns.reasoning[row] = call.reasoningTokens
    columns.status[row] = call.status
    columns.kind[row] = kinds.indexOf(call.kind)
    columns.attempts[row] = Math.min(255, call.attempts)
    columns.fallback[row] = Math.min(255, call.fallback)
    columns.hedged[row] = call.hedged ? 1 : 0
    this.#name(row, call)
    if (call.label !== '') this.#label(row, call.label)
    this.#pair(row, call.dimensions)
    this.#write(text)
    if (row > 0 && compare(columns, row - 1, row) > 0) this.#isSorted = false
  }

  /** Written out: asking nine times for a column by its name was a third of what a call cost here. */
  #name(row: number, call: LoggedCall): void {
    const { key, team, customer, route, provider, model, error, agent, message } = this.#names
    const columns = this.#columns
    columns.key[row] = key.place(call.key)
    columns.team[row] = team.place(call.team)
    columns.customer[row] = customer.place(call.customer)
    columns.route[row] = route.place(call.route)
    columns.provider[row] = provider.place(call.provider)
    columns.model[row] = model.place(call.model)
    columns.error[row] = error.place(call.error)
    columns.agent[row] = agent.place(call.agent)
    columns.message[row] = message.place(call.message)
  }

  /** All that was added; from here on it begins anew. */
  take(day: number): EncodedBlock {
    const count = this.#calls
    const places = this.#isSorted ? null : sortedPlaces(this.#columns, count)
    const bytes = new ArrayBuffer(headBytes + count * rowBytes)
    const columns = columnsIn(bytes, headBytes, count)
    for (const name of Object.keys(columns) as (keyof Columns)[])
      copyColumn(this.#columns[name], columns[name], places, count)
    const header = Buffer.from(
      JSON.stringify({
        names: Object.fromEntries(
          nameColumns.map((name) => [name, [...this.#names[name].known.keys()]]),
        ),
        pairs: [...this.#pairs.keys()],
        pairsOf: this.#movedPairs(places),
      }),
    )
    new Uint32Array(bytes, 0, 3).set([blockVersion, count, header.length])
    const block = {
      day,
      calls: count,
      first: columns.order[0] ?? 0,
      last: columns.order[count - 1] ?? 0,
      columns: Buffer.concat([new Uint8Array(bytes), header, this.#movedLabels(places, count)]),
      // Without the last line's end.
      texts: new Uint8Array(this.#texts.subarray(0, Math.max(0, this.textBytes - 1))),
    }
    this.#clear()
    return block
  }

  #clear(): void {
    this.#calls = 0
    this.textBytes = 0
    this.#isSorted = true
    this.#names = newNames()
    this.#pairs = new Map()
    this.#pairsOf = []
    this.#labels = []
    if (this.#capacity > usualCalls * 4) {
      this.#capacity = usualCalls
      this.#columns = columnsOf(usualCalls)
    }
    if (this.#texts.length > usualTextBytes * 4)
      this.#texts = Buffer.allocUnsafeSlow(usualTextBytes)
  }

  #grow(): void {
    const larger = columnsOf(this.#capacity * 2)
    for (const name of Object.keys(larger) as (keyof Columns)[])
      larger[name].set(this.#columns[name])
    this.#columns = larger
    this.#capacity *= 2
  }

  #write(text: string): void {
    const most = this.textBytes + text.length * 3 + 1
    if (most > this.#texts.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(most, this.#texts.length * 2))
      this.#texts.copy(larger, 0, 0, this.textBytes)
      this.#texts = larger
    }
    this.textBytes += this.#texts.write(text, this.textBytes)
    this.#texts[this.textBytes++] = newline
  }

  #label(row: number, label: string): void {
    while (this.#labels.length < row) this.#labels.push('')
    // A line each.
    this.#labels[row] = label.replaceAll('\n', ' ')
  }

  #pair(row: number, dimensions: LoggedCall['dimensions']): void {
    let pairs: number[] | null = null
    for (const name in dimensions) {
      pairs ??= []
      pairs.push(placeIn(this.#pairs, JSON.stringify([name, dimensions[name]])))
    }
    if (pairs) this.#pairsOf.push({ row, pairs })
  }

  #movedPairs(places: Uint32Array | null): readonly unknown[] {
    const to = places && inverseOf(places)
    return this.#pairsOf.map(({ row, pairs }) => [to ? to[row] : row, pairs])
  }

  #movedLabels(places: Uint32Array | null, count: number): Buffer {
    if (this.#labels.length === 0) return Buffer.alloc(0)
    const labels = Array.from(
      { length: count },
      (_, row) => this.#labels[places ? (places[row] ?? 0) : row] ?? '',
    )
    return Buffer.from(labels.join('\n'))
  }
}

const columnsOf = (capacity: number): Columns =>
  columnsIn(new ArrayBuffer(capacity * rowBytes), 0, capacity)

function compare({ order, low, lower }: Columns, a: number, b: number): number {
  return (
    (order[a] ?? 0) - (order[b] ?? 0) ||
    (low[a] ?? 0) - (low[b] ?? 0) ||
    (lower[a] ?? 0) - (lower[b] ?? 0)
  )
}

/** Which row stands where in the order of ids. */
const sortedPlaces = (columns: Columns, count: number): Uint32Array =>
  Uint32Array.from({ length: count }, (_, row) => row).sort((a, b) => compare(columns, a, b))

function inverseOf(places: Uint32Array): Uint32Array {
  const inverse = new Uint32Array(places.length)
  for (const [place, row] of places.entries()) inverse[row] = place
  return inverse
}

function copyColumn(
  from: Columns[keyof Columns],
  to: Columns[keyof Columns],
  places: Uint32Array | null,
  count: number,
): void {
  if (places === null) to.set(from.subarray(0, count))
  // Apart, since a loop over all five kinds of numbers is several times as slow.
  else if (from instanceof Float64Array || from instanceof Float32Array)
    gatherFloats(from, to, places)
  else gatherCounts(from, to, places)
}

type Numbers = Columns[keyof Columns]

function gatherFloats(from: Float64Array | Float32Array, to: Numbers, places: Uint32Array): void {
  for (let row = 0; row < places.length; row++) to[row] = from[places[row] ?? 0] ?? 0
}

function gatherCounts(from: Numbers, to: Numbers, places: Uint32Array): void {
  for (let row = 0; row < places.length; row++) to[row] = from[places[row] ?? 0] ?? 0
}

/** How many names a list can tell apart; the rest are one. */
const namesAtMost = 65_535

const newNames = (): Readonly<Record<NameColumn, NameList>> =>
  Object.fromEntries(nameColumns.map((name) => [name, new NameList()])) as Record<
    NameColumn,
    NameList
  >

class NameList {
  readonly known = new Map<string, number>()
  #last = ''
  #lastPlace = -1

  place(value: string): number {
    // Neighbours are often alike.
    if (this.#lastPlace >= 0 && value === this.#last) return this.#lastPlace
    this.#last = value
    this.#lastPlace = placeIn(this.known, value)
    return this.#lastPlace
  }
}

function placeIn(known: Map<string, number>, value: string): number {
  const found = known.get(value)
  if (found !== undefined) return found
  const place = Math.min(known.size, namesAtMost)
  known.set(value, place)
  return place
}
