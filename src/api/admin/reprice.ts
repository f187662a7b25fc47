import { costOf } from '../../core/price.ts'
import type { Snapshot } from '../../gateway/snapshot.ts'
import type { ChargedRow } from '../../store/ledger-store.ts'
import type { Store } from '../../store/store.ts'

const atOnce = 1000
/** What one request looks at, at most: a few seconds. */
const mostPages = 100

export interface Repriced {
  readonly repriced: number
  /** Those that have no price now either; they stay as they are. */
  readonly unpriced: number
  readonly isComplete: boolean
  /** Everything from here on has been looked at; epoch ms. */
  readonly to: number
}

/**
 * Reckons a model's lines between two times (epoch ms, the end exclusive) by the prices in force, each by the price of its
 * time. What was charged nothing for want of a price is charged to no budget now either: the ledger does not know which.
 */
export async function repriceSome(
  { store, snapshot }: { readonly store: Store; readonly snapshot: Snapshot },
  model: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Repriced> {
  let [repriced, unpriced] = [0, 0]
  // Ids sort after nothing, so that the first page begins with the last line before `to`.
  let before = { at: to, id: '' }
  for (let page = 0; page < mostPages; page++) {
    const rows = await store.listLedger({ callId: null, before, limit: atOnce })
    const inSpan = rows.filter(({ at }) => at >= from)
    const ours = inSpan.filter(
      (row) => row.kind === 'usage' && `${row.provider}/${row.model}` === model && hasUsage(row),
    )
    const priced = ours.flatMap((row) => repriceRow(row, snapshot) ?? [])
    unpriced += ours.length - priced.length
    if (priced.length > 0) repriced += await store.repriceRows(priced)
    const last = rows.at(-1)
    if (!last || inSpan.length < rows.length || rows.length < atOnce)
      return { repriced, unpriced, isComplete: true, to: from }
    before = { at: last.at, id: last.id }
  }
  return { repriced, unpriced, isComplete: false, to: before.at + 1 }
}

const hasUsage = ({ inputTokens, outputTokens, costNanos }: ChargedRow): boolean =>
  inputTokens > 0 || outputTokens > 0 || costNanos !== 0

function repriceRow(row: ChargedRow, { tariff, providers }: Snapshot) {
  const { provider, model } = row
  const { type = '', deployments = null } = providers.get(provider)?.config ?? {}
  // The ledger has the name on the provider's side; prices go by the one that is asked for.
  const asked = [...(deployments ?? [])].find(([, name]) => name === model)?.[0] ?? model
  const named = { provider, type, model: asked, upstreamModel: model }
  const price = tariff.prices.priceOf(named, row.at)
  if (!price) return null
  const costNanos = costOf(row, price)
  const charges = row.charges.map((charge) => ({ ...charge, spentNanos: costNanos }))
  return { id: row.id, costNanos, price: price.source, charges }
}
