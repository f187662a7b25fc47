import { callKinds, type LoggedCall } from './logged-call.ts'

// A block is some hundred to thousand calls, column by column: whoever looks for calls, or adds them up, reads numbers and
// compares names by their place in a short list. It is what makes a million calls a matter of milliseconds, without an
// index that every call would pay for.

/** The columns of names; each block has a list of those that occur in it. */
export const nameColumns = [
  'key',
  'team',
  'customer',
  'route',
  'provider',
  'model',
  'error',
  'agent',
  'message',
] as const
export type NameColumn = (typeof nameColumns)[number]

/** In this order, so that each begins where its numbers may. */
const layout = [
  ['order', Float64Array],
  ['cost', Float64Array],
  ['duration', Float32Array],
  ['firstToken', Float32Array],
  ['low', Uint32Array],
  ['lower', Uint32Array],
  ['input', Uint32Array],
  ['output', Uint32Array],
  ['cached', Uint32Array],
  ['reasoning', Uint32Array],
  ['line', Uint32Array],
  ['status', Uint16Array],
  ...nameColumns.map((name) => [name, Uint16Array] as const),
  ['kind', Uint8Array],
  ['attempts', Uint8Array],
  ['fallback', Uint8Array],
  ['hedged', Uint8Array],
] as const
export const rowBytes = layout.reduce((sum, [, kind]) => sum + kind.BYTES_PER_ELEMENT, 0)

type FloatColumn = 'order' | 'cost' | 'duration' | 'firstToken'
type CountColumn = 'low' | 'lower' | 'input' | 'output' | 'cached' | 'reasoning' | 'line' | 'status'
type ByteColumn = 'kind' | 'attempts' | 'fallback' | 'hedged'
export type Numbers = Float64Array | Float32Array | Uint32Array | Uint16Array | Uint8Array
export type Columns = Readonly<Record<FloatColumn | CountColumn | NameColumn | ByteColumn, Numbers>>

/** Calls of one day in the order of their ids. A number that is not known is NaN. */
export interface Block {
  readonly calls: number
  readonly columns: Columns
  readonly names: Readonly<Record<NameColumn, readonly string[]>>
  /** Pairs of name and value as JSON, and of each call that has some, which. */
  readonly pairs: readonly string[]
  readonly pairsOf: ReadonlyMap<number, readonly number[]>
  /** The callers' own names, a line each, as they are stored; read by who needs them. */
  readonly labelBytes: Buffer
}

/** Calls on their way into the log, all of one UTC day, as they are stored. */
export interface EncodedBlock {
  /** Epoch ms of the day's beginning. */
  readonly day: number
  readonly calls: number
  readonly first: number
  readonly last: number
  readonly columns: Uint8Array
  /** Lines of JSON; a column tells which is whose. */
  readonly texts: Uint8Array
}

export const blockVersion = 1
export const headBytes = 16
const dayMs = 86_400_000

/** The part of an id that calls are ordered by first: its time and the 12 bits after it. NaN: it is no UUIDv7. */
export function orderOf(id: string): number {
  if (id.length !== 36 || id[14] !== '7') return Number.NaN
  return (hexIn(id, 0, 8) * 65_536 + hexIn(id, 9, 13)) * 4096 + hexIn(id, 15, 18)
}

/** Without a string for each part: every call is asked for some. */
export function hexIn(text: string, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at++) value = value * 16 + digitOf(text.charCodeAt(at))
  return value
}

const digitOf = (code: number): number =>
  code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 102 ? code - 87 : Number.NaN

/** Epoch ms. */
export const timeOf = (order: number): number => Math.floor(order / 4096)
export const orderAt = (time: number): number => time * 4096

/** Epoch ms of the UTC day on which the call with this id began. */
export function dayOf(id: string): number {
  const time = timeOf(orderOf(id))
  return time - (time % dayMs)
}

/** Throws where it is no block of this version. */
export function decodeBlock(given: Uint8Array): Block {
  // Numbers are read where they lie, which must be a place for numbers.
  const bytes = given.byteOffset % 8 === 0 ? given : new Uint8Array(given)
  const { buffer, byteOffset, length } = bytes
  const [found, count = 0, headerLength = 0] = new Uint32Array(buffer, byteOffset, 3)
  if (found !== blockVersion) throw new Error(`This block of the request log has version ${found}.`)
  const body = Buffer.from(buffer, byteOffset, length)
  const headerAt = headBytes + count * rowBytes
  const header = JSON.parse(body.toString('utf8', headerAt, headerAt + headerLength)) as {
    readonly names: Block['names']
    readonly pairs: readonly string[]
    readonly pairsOf: readonly (readonly [number, readonly number[]])[]
  }
  return {
    calls: count,
    columns: columnsIn(buffer as ArrayBuffer, byteOffset + headBytes, count),
    names: header.names,
    pairs: header.pairs,
    pairsOf: new Map(header.pairsOf),
    labelBytes: body.subarray(headerAt + headerLength),
  }
}

/** One call of a block. */
export function callIn(block: Block, row: number): LoggedCall {
  const { columns, names } = block
  const at = (column: keyof Columns): number => columns[column][row] ?? 0
  const name = (column: NameColumn): string => names[column][at(column)] ?? ''
  const known = (value: number): number | null => (Number.isNaN(value) ? null : value)
  return {
    id: idIn(block, row),
    label: labelsOf(block)?.lines[row] ?? '',
    kind: callKinds[at('kind')] ?? 'plain',
    status: at('status'),
    error: name('error'),
    message: name('message'),
    key: name('key'),
    team: name('team'),
    customer: name('customer'),
    route: name('route'),
    provider: name('provider'),
    model: name('model'),
    agent: name('agent'),
    durationMs: rounded(at('duration')),
    firstTokenMs: known(rounded(at('firstToken'))),
    inputTokens: at('input'),
    outputTokens: at('output'),
    cachedInputTokens: at('cached'),
    reasoningTokens: at('reasoning'),
    costNanos: known(at('cost')),
    attempts: at('attempts'),
    fallback: at('fallback'),
    hedged: at('hedged') === 1,
    dimensions: Object.fromEntries(
      (block.pairsOf.get(row) ?? []).map(
        (pair) => JSON.parse(block.pairs[pair] ?? '[]') as [string, string],
      ),
    ),
  }
}

export function idIn({ columns }: Block, row: number): string {
  const order = columns.order[row] ?? 0
  const time = timeOf(order).toString(16).padStart(12, '0')
  const rest = (order % 4096).toString(16).padStart(3, '0')
  const low = (columns.low[row] ?? 0).toString(16).padStart(8, '0')
  const lower = (columns.lower[row] ?? 0).toString(16).padStart(8, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest}-${low.slice(0, 4)}-${low.slice(4)}${lower}`
}

interface Labels {
  readonly text: string
  readonly lines: readonly string[]
}
const labels = new WeakMap<Block, Labels>()

/** The callers' own names of a block's calls; null: nobody gave one. */
export function labelsOf(block: Block): Labels | null {
  if (block.labelBytes.length === 0) return null
  const known = labels.get(block)
  if (known) return known
  const text = block.labelBytes.toString('utf8')
  const own = { text, lines: text.split('\n') }
  labels.set(block, own)
  return own
}

const rounded = (ms: number): number => Math.round(ms * 100) / 100

/** Columns in memory, one behind the other. */
export function columnsIn(buffer: ArrayBuffer, start: number, count: number): Columns {
  let at = start
  const entries = layout.map(([name, kind]) => {
    const column = new kind(buffer, at, count)
    at += column.byteLength
    return [name, column] as const
  })
  return Object.fromEntries(entries) as Columns
}
