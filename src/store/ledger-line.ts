import { type Cell, storableText } from './bulk.ts'
import { budgetNamed, ledgerCells } from './ledger-rows.ts'
import type { Charge, LedgerLine, LedgerRow, SettledRow } from './ledger-store.ts'

/** A line as it was read. The cells stand in the order of the columns. */
export interface Settled extends SettledRow {
  readonly cells: readonly [string, ...Cell[]]
}

/** A row with what it is charged to, as one text. */
export const ledgerLine = ({ row, charges }: SettledRow): LedgerLine =>
  JSON.stringify(
    ledgerCells(row, charges).map((cell) => (typeof cell === 'string' ? storableText(cell) : cell)),
  )

/** Who asked whom, by which price. What many attempts have in common. */
export type LedgerWay = Pick<
  LedgerRow,
  | 'keyId'
  | 'key'
  | 'teamId'
  | 'customerId'
  | 'route'
  | 'provider'
  | 'model'
  | 'providerKey'
  | 'price'
>

/** Its part of a line. */
export const wayText = (way: LedgerWay): string =>
  [
    way.keyId,
    way.key,
    way.teamId,
    way.customerId,
    way.route,
    way.provider,
    way.model,
    way.providerKey,
    way.price,
  ]
    .map((text) => JSON.stringify(storableText(text)))
    .join(',')

/**
 * The same line from parts that are texts already: a tenth of the work, with every attempt. The ids must be ones of the
 * gateway's own, which need no escaping; `charges` is the JSON object of nano-dollars by budget.
 */
export const lineOf = (
  way: string,
  row: Omit<LedgerRow, keyof LedgerWay | 'kind'>,
  charges: string,
): LedgerLine =>
  // Joined, and not put together with `+`: such a string is a tree of fifty parts until somebody reads it, and this one is
  // kept for a while, where the garbage collector would walk through it.
  [
    `["${row.id}"`,
    `"${row.callId}"`,
    `"usage","${row.outcome}"`,
    `"${row.role}","${row.form}"`,
    way,
    row.at,
    row.inputTokens,
    row.outputTokens,
    row.cachedInputTokens,
    row.cacheWriteTokens,
    row.reasoningTokens,
    row.audioInputTokens,
    row.audioOutputTokens,
    row.estimated ? 1 : 0,
    row.costNanos === null ? 'null' : row.costNanos,
    `${charges}]`,
  ].join(',')

/** What lines say. Throws where one is no line. */
export const readLines = (lines: readonly LedgerLine[]): readonly Settled[] =>
  (JSON.parse(`[${lines.join(',')}]`) as Settled['cells'][]).map(settledOf)

export const settle = ({ row, charges }: SettledRow): Settled => ({
  row,
  charges,
  cells: ledgerCells(row, charges),
})

function settledOf(cells: Settled['cells']): Settled {
  const text = (at: number): string => cells[at] as string
  const number = (at: number): number => cells[at] as number
  const row: LedgerRow = {
    id: text(0),
    callId: text(1),
    kind: text(2) as LedgerRow['kind'],
    outcome: text(3) as LedgerRow['outcome'],
    role: text(4) as LedgerRow['role'],
    form: text(5) as LedgerRow['form'],
    keyId: text(6),
    key: text(7),
    teamId: text(8),
    customerId: text(9),
    route: text(10),
    provider: text(11),
    model: text(12),
    providerKey: text(13),
    price: text(14),
    at: number(15),
    inputTokens: number(16),
    outputTokens: number(17),
    cachedInputTokens: number(18),
    cacheWriteTokens: number(19),
    reasoningTokens: number(20),
    audioInputTokens: number(21),
    audioOutputTokens: number(22),
    estimated: cells[23] === 1,
    costNanos: cells[24] as number | null,
  }
  return { row, cells, charges: chargesIn(cells[25] as Readonly<Record<string, number>>) }
}

function chargesIn(nanos: Readonly<Record<string, number>>): readonly Charge[] {
  const charges: Charge[] = []
  for (const name in nanos) charges.push({ ...budgetNamed(name), spentNanos: nanos[name] ?? 0 })
  return charges
}
