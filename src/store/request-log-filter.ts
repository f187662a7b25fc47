import { type CallKind, callKinds } from './logged-call.ts'
import { type Block, idIn, labelsOf, type NameColumn, orderAt } from './request-log-block.ts'

/** What calls are told apart by: whoever asks for facets sees how many there are of each. */
export const logDimensions = [
  'key',
  'team',
  'customer',
  'route',
  'provider',
  'model',
  'error',
  'status',
  'kind',
] as const
export type LogDimension = (typeof logDimensions)[number]

/** All conditions must hold; of the values of one, any. What is absent, null or empty is none. */
export interface LogFilter {
  /** Epoch ms of their beginnings: from inclusive, to exclusive. */
  readonly from: number | null
  readonly to: number | null
  readonly only: Readonly<Partial<Record<Exclude<LogDimension, 'status' | 'kind'>, Names>>>
  /** As `429`, or a class of them as `5xx`. */
  readonly statuses: Names
  readonly kinds: readonly CallKind[]
  readonly minDurationMs: number | null
  readonly minCostNanos: number | null
  readonly dimensions: Readonly<Record<string, string>>
  /** A part of the caller's own id, of what the client calls itself or of the error's message, or the beginning of the call's id. */
  readonly text: string
}
type Names = readonly string[]

export const noFilter: LogFilter = {
  from: null,
  to: null,
  only: {},
  statuses: [],
  kinds: [],
  minDurationMs: null,
  minCostNanos: null,
  dimensions: {},
  text: '',
}

/** The id of a call; everything before it in the order of ids is older. */
export type LogPlace = string

/** Which calls of a block fit. `dimension` null: a condition that is no dimension's. */
export interface Condition {
  readonly dimension: LogDimension | null
  /** Null: none of them does. */
  readonly fits: ((row: number) => boolean) | null
}

/** The times that a filter leaves, as calls are ordered. */
export const rangeOf = ({
  from,
  to,
}: LogFilter): { readonly from: number; readonly to: number } => ({
  from: orderAt(from ?? 0),
  to: to === null ? Number.POSITIVE_INFINITY : orderAt(to),
})

/** A filter's conditions in the numbers of one block. */
export function conditionsIn(block: Block, filter: LogFilter): readonly Condition[] {
  return [
    ...timeIn(block, filter),
    ...Object.entries(filter.only).flatMap(([dimension, values]) =>
      values.length === 0
        ? []
        : [
            {
              dimension: dimension as LogDimension,
              fits: oneOf(block, dimension as NameColumn, (name) => values.includes(name)),
            },
          ],
    ),
    ...statusIn(block, filter),
    ...kindIn(block, filter),
    ...atLeast(block, 'duration', filter.minDurationMs),
    ...atLeast(block, 'cost', filter.minCostNanos),
    ...Object.entries(filter.dimensions).map((pair) => pairIn(block, pair)),
    ...(filter.text === '' ? [] : [{ dimension: null, fits: textIn(block, filter.text) }]),
  ]
}

function timeIn({ columns, calls }: Block, filter: LogFilter): readonly Condition[] {
  const { from, to } = rangeOf(filter)
  const { order } = columns
  const [first = 0, last = 0] = [order[0], order[calls - 1]]
  if (first >= from && last < to) return []
  if (last < from || first >= to) return [{ dimension: null, fits: null }]
  const fits = (row: number): boolean => {
    const at = order[row] ?? 0
    return at >= from && at < to
  }
  return [{ dimension: null, fits }]
}

/** Null: no name of the block does. */
function oneOf(
  { columns, names }: Block,
  column: NameColumn,
  isMeant: (name: string) => boolean,
): Condition['fits'] {
  const meant = Uint8Array.from(names[column], (name) => (isMeant(name) ? 1 : 0))
  if (!meant.includes(1)) return null
  const places = columns[column]
  return (row) => meant[places[row] ?? 0] === 1
}

function statusIn({ columns }: Block, { statuses }: LogFilter): readonly Condition[] {
  if (statuses.length === 0) return []
  const { status } = columns
  const exact = new Set(statuses.map(Number).filter((each) => !Number.isNaN(each)))
  const classes = new Set(
    statuses.filter((each) => each.endsWith('xx')).map((each) => Number(each[0])),
  )
  const fits = (row: number): boolean => {
    const own = status[row] ?? 0
    return exact.has(own) || classes.has(Math.floor(own / 100))
  }
  return [{ dimension: 'status', fits }]
}

function kindIn({ columns }: Block, { kinds }: LogFilter): readonly Condition[] {
  if (kinds.length === 0) return []
  const meant = callKinds.map((kind) => kinds.includes(kind))
  return [{ dimension: 'kind', fits: (row) => meant[columns.kind[row] ?? 0] === true }]
}

function atLeast(
  { columns }: Block,
  column: 'duration' | 'cost',
  least: number | null,
): readonly Condition[] {
  if (least === null) return []
  const own = columns[column]
  return [{ dimension: null, fits: (row) => (own[row] ?? 0) >= least }]
}

function pairIn({ pairs, pairsOf }: Block, pair: readonly [string, string]): Condition {
  const place = pairs.indexOf(JSON.stringify(pair))
  if (place === -1) return { dimension: null, fits: null }
  return { dimension: null, fits: (row) => pairsOf.get(row)?.includes(place) === true }
}

function textIn(block: Block, text: string): Condition['fits'] {
  const wanted = text.toLowerCase()
  const holds = (name: string): boolean => name.toLowerCase().includes(wanted)
  const labels = labelsOf(block)
  const tests = [
    oneOf(block, 'agent', holds),
    oneOf(block, 'message', holds),
    labels && holds(labels.text) ? (row: number) => holds(labels.lines[row] ?? '') : null,
    startOfId(block, wanted),
  ].filter((test) => test !== null)
  return tests.length === 0 ? null : (row) => tests.some((test) => test(row))
}

/** Below it, a beginning would be that of half of all calls there are. */
const shortestStart = 6

function startOfId(block: Block, wanted: string): ((row: number) => boolean) | null {
  if (wanted.length < shortestStart || !/^[0-9a-f]{1,8}(-[0-9a-f-]*)?$/.test(wanted)) return null
  const [first, last] = [idIn(block, 0), idIn(block, block.calls - 1)]
  const isBeside = last.slice(0, wanted.length) < wanted || first.slice(0, wanted.length) > wanted
  return isBeside ? null : (row) => idIn(block, row).startsWith(wanted)
}
