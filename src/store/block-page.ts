import type { BlockReader, BlockRef } from './block-store.ts'
import { type Block, decodeBlock, idIn, orderOf, timeOf } from './request-log-block.ts'
import { conditionsIn, type LogFilter, type LogPlace, rangeOf } from './request-log-filter.ts'

/** A call that was found. */
export interface Hit {
  readonly id: string
  readonly ref: BlockRef
  readonly block: Block
  readonly row: number
}

export interface HitPage {
  readonly hits: readonly Hit[]
  readonly next: LogPlace | null
  /** Epoch ms; null: everything was looked at that there is. */
  readonly searchedTo: number | null
}

export interface PageQuery {
  readonly filter: LogFilter
  readonly after: LogPlace | null
  readonly limit: number
  /** Whether the time is up; at least one block is looked at, so that whoever asks on comes to an end. */
  isLate(): boolean
}

/** The newest calls that fit, before a place. Blocks overlap a little in time, as calls last differently long. */
export async function findPage(reader: BlockReader, query: PageQuery): Promise<HitPage> {
  const { filter, after, limit } = query
  const { from, to } = rangeOf(filter)
  const before = after === null ? to : Math.min(to, orderOf(after) + 1)
  const refs = [...(await reader.blocks(from, before))].sort((a, b) => b.last - a.last)
  // One more than is shown tells whether there are more.
  const wanted = limit + 1
  let hits: readonly Hit[] = []
  for (const [i, ref] of refs.entries()) {
    const oldest = hits[wanted - 1]
    if (oldest && ref.last < orderOf(oldest.id)) break
    if (i > 0 && query.isLate()) return cutAt(ref.last, hits, limit)
    const columns = await reader.columns(ref)
    if (columns === null) continue
    const found = hitsIn(decodeBlock(columns), ref, query, wanted)
    if (found.length > 0) hits = [...hits, ...found].sort(newestFirst).slice(0, wanted)
  }
  const shown = hits.slice(0, limit)
  const next = hits.length > limit ? (shown.at(-1)?.id ?? null) : null
  return { hits: shown, next, searchedTo: null }
}

/** What began after `last` is known; before it there are blocks that were not looked at. */
function cutAt(last: number, hits: readonly Hit[], limit: number): HitPage {
  const known = hits.filter(({ id }) => orderOf(id) > last)
  const shown = known.slice(0, limit)
  const searchedTo = timeOf(last) + 1
  if (known.length > limit) return { hits: shown, next: shown.at(-1)?.id ?? null, searchedTo }
  return { hits: shown, next: behindAll(last), searchedTo }
}

/** Newest first. */
function hitsIn(
  block: Block,
  ref: BlockRef,
  { filter, after }: PageQuery,
  wanted: number,
): readonly Hit[] {
  const conditions = conditionsIn(block, filter)
  const fits = conditions.flatMap((condition) => condition.fits ?? [])
  if (fits.length < conditions.length) return []
  const hits: Hit[] = []
  const { order } = block.columns
  const before = after === null ? Number.POSITIVE_INFINITY : orderOf(after)
  for (let row = block.calls - 1; row >= 0 && hits.length < wanted; row--) {
    const own = order[row] ?? 0
    if (own > before || (own === before && idIn(block, row) >= (after ?? ''))) continue
    if (fits.every((each) => each(row))) hits.push({ id: idIn(block, row), ref, block, row })
  }
  return hits
}

const newestFirst = (a: Hit, b: Hit): number => (a.id < b.id ? 1 : -1)

/** The place behind every call of an order: no id ends like that. */
function behindAll(order: number): LogPlace {
  const time = timeOf(order).toString(16).padStart(12, '0')
  const rest = (order % 4096).toString(16).padStart(3, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest}-ffff-ffffffffffff`
}
