import { createRedactor, type Redactor } from '../core/redactor.ts'
import type { Clock } from '../core/runtime.ts'
import { findPage, type Hit, type HitPage } from './block-page.ts'
import type { BlockReader, BlockRef, BlockStore, StoredBody, StoredDay } from './block-store.ts'
import {
  BlockTiers,
  mergeBlocks,
  pack,
  packed,
  smallBlock,
  unpack,
  unpackTexts,
} from './block-tiers.ts'
import type {
  LogBatch,
  LogDetail,
  LogPage,
  LogRules,
  LogSize,
  Loss,
  RawBody,
  RequestLog,
} from './request-log.ts'
import { type Block, callIn, dayOf, decodeBlock, idIn, orderOf } from './request-log-block.ts'
import { keepableBody } from './request-log-body.ts'
import { type LogFilter, type LogPlace, rangeOf } from './request-log-filter.ts'
import {
  FacetCounter,
  type Facets,
  type Overview,
  Overviewer,
  type OverviewQuery,
} from './request-log-sums.ts'

const dayMs = 86_400_000
/** How long one page may read; what it has not seen then, the next one sees. */
const pageMs = 150
const sumsMs = 5000
/** After so long, whoever wants to write comes first. */
const breathMs = 25
/** What is let go of at once where there is too much: a part of what there may be. */
const partsOfAll = 8
const smallestPartBytes = 4 * 1024 * 1024

/** The log of requests over any place that keeps blocks. */
export class BlockLog implements RequestLog {
  readonly #store: BlockStore
  readonly #clock: Clock
  readonly #tiers = new BlockTiers()
  #rules!: LogRules
  #redact!: Redactor
  #summing = 0
  #due: (readonly BlockRef[])[] = []

  constructor(store: BlockStore, rules: LogRules, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.#apply(rules)
  }

  /** Takes up the small blocks that were left by whoever had the place before. */
  async begin(): Promise<void> {
    for (const ref of await this.#store.left(smallBlock)) this.#note(ref)
    await this.#merge()
  }

  async append({ id, blocks, bodies, loss }: LogBatch): Promise<void> {
    const added = await this.#store.insert({
      id,
      loss,
      blocks: blocks.map(packed),
      bodies: bodies.map((body) => this.#keepable(body)),
    })
    for (const ref of added) this.#note(ref)
    await this.#merge()
  }

  async find(filter: LogFilter, after: LogPlace | null, limit: number): Promise<LogPage> {
    return await this.#store.read(async (reader) => {
      const { hits, next, searchedTo } = await this.#page(reader, filter, after, limit)
      return { calls: hits.map(({ block, row }) => callIn(block, row)), next, searchedTo }
    })
  }

  async export(
    filter: LogFilter,
    after: LogPlace | null,
    limit: number,
  ): ReturnType<RequestLog['export']> {
    return await this.#store.read(async (reader) => {
      const { hits, next } = await this.#page(reader, filter, after, limit)
      const known = new Map<string, readonly string[]>()
      const texts: string[] = []
      for (const { ref, block, row } of hits) {
        const name = `${ref.place} ${ref.id}`
        const own = known.get(name) ?? (await textsOf(reader, ref))
        known.set(name, own)
        texts.push(own[lineOf(block, row)] ?? '')
      }
      return { texts: texts.filter((text) => text !== ''), next }
    })
  }

  async get(id: string): Promise<LogDetail | null> {
    const order = orderOf(id)
    if (Number.isNaN(order)) return null
    return await this.#store.read(async (reader) => {
      for (const ref of await reader.blocks(order, order + 1)) {
        const columns = await reader.columns(ref)
        const block = columns === null ? null : decodeBlock(columns)
        const row = block === null ? -1 : rowOf(block, order, id)
        if (block === null || row === -1) continue
        const text = (await textsOf(reader, ref))[lineOf(block, row)] ?? '{}'
        const bodies = await reader.bodies(id, ref.day)
        return {
          text,
          bodies: bodies.map(({ part, bytes, sizeBytes, truncated }) => ({
            part,
            text: unpack(bytes),
            sizeBytes,
            truncated,
          })),
        }
      }
      return null
    })
  }

  async facets(filter: LogFilter): Promise<Facets> {
    const counter = new FacetCounter(filter)
    return counter.facets(await this.#eachBlock(filter, (block) => counter.add(block)))
  }

  async overview(query: OverviewQuery): Promise<Overview> {
    const overviewer = new Overviewer(query)
    const add = (block: Block): void => overviewer.add(block)
    return overviewer.overview(await this.#eachBlock(query.filter, add))
  }

  async losses(from: number, to: number): Promise<readonly Loss[]> {
    return await this.#store.read(async (reader) => await reader.losses(from, to))
  }

  async follow(rules: LogRules): Promise<void> {
    this.#apply(rules)
  }

  async prune(now: number): Promise<LogSize> {
    const { keepMs, contentKeepMs, maxBytes } = this.#rules
    const days = [...(await this.#store.days())].sort(letGoFirst)
    const left: StoredDay[] = []
    for (const day of days) {
      const keptMs = day.kind === 'content' ? Math.min(keepMs, contentKeepMs) : keepMs
      if (day.day + dayMs <= now - keptMs) await this.#drop(day)
      else left.push(day)
    }
    let total = left.reduce((sum, { bytes }) => sum + bytes, 0)
    for (const day of left.filter(({ isOpen }) => !isOpen)) {
      if (total <= maxBytes) break
      await this.#drop(day)
      total -= day.bytes
      left.splice(left.indexOf(day), 1)
    }
    const content = left.filter(({ kind }) => kind === 'content')
    const calls = left.filter(({ kind }) => kind === 'calls')
    return {
      bytes: total,
      contentBytes: content.reduce((sum, { bytes }) => sum + bytes, 0),
      oldest: calls.length === 0 ? null : Math.min(...calls.map(({ day }) => day)),
    }
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  #apply(rules: LogRules): void {
    this.#rules = rules
    this.#redact = createRedactor(rules.secrets)
    this.#store.partBytes = Math.max(smallestPartBytes, Math.floor(rules.maxBytes / partsOfAll))
  }

  async #drop(day: StoredDay): Promise<void> {
    this.#tiers.forget(day.place)
    await this.#store.drop(day)
  }

  #keepable(raw: RawBody): StoredBody {
    const { text, truncated } = keepableBody(raw, this.#rules.maxBodyBytes, this.#redact)
    const { call, part, sizeBytes } = raw
    return { call, day: dayOf(call), part, sizeBytes, truncated, bytes: pack(text) }
  }

  #page(
    reader: BlockReader,
    filter: LogFilter,
    after: LogPlace | null,
    limit: number,
  ): Promise<HitPage> {
    const untilMs = this.#clock.monotonic() + pageMs
    const isLate = (): boolean => this.#clock.monotonic() > untilMs
    return findPage(reader, { filter, after, limit, isLate })
  }

  /** Newest first; false: the time was up before the oldest. */
  async #eachBlock(filter: LogFilter, use: (block: Block) => void): Promise<boolean> {
    const { from, to } = rangeOf(filter)
    const untilMs = this.#clock.monotonic() + sumsMs
    this.#summing++
    try {
      return await this.#store.read(async (reader) => {
        const refs = [...(await reader.blocks(from, to))].sort((a, b) => b.last - a.last)
        let breathAtMs = this.#clock.monotonic() + breathMs
        for (const ref of refs) {
          const columns = await reader.columns(ref)
          if (columns !== null) use(decodeBlock(columns))
          const nowMs = this.#clock.monotonic()
          if (nowMs > untilMs) return false
          if (nowMs < breathAtMs) continue
          await this.#clock.sleep(0)
          breathAtMs = this.#clock.monotonic() + breathMs
        }
        return true
      })
    } finally {
      this.#summing--
    }
  }

  #note(ref: BlockRef): void {
    const due = this.#tiers.add(ref)
    if (due) this.#due.push(due)
  }

  /** Not under the eyes of somebody who reads block by block: it would miss what moved. */
  async #merge(): Promise<void> {
    while (this.#due.length > 0 && this.#summing === 0) {
      const refs = this.#due.shift() as readonly BlockRef[]
      const parts = await this.#store.read((reader) => partsOf(reader, refs))
      const merged = parts && mergeBlocks(parts)
      const ref = merged && (await this.#store.replace(refs, merged))
      if (ref) this.#note(ref)
    }
  }
}

async function partsOf(reader: BlockReader, refs: readonly BlockRef[]) {
  const parts: { readonly columns: Uint8Array; readonly details: Uint8Array }[] = []
  for (const ref of refs) {
    const [columns, details] = [await reader.columns(ref), await reader.details(ref)]
    if (columns === null || details === null) return null
    parts.push({ columns, details })
  }
  return parts
}

async function textsOf(reader: BlockReader, ref: Hit['ref']): Promise<readonly string[]> {
  const details = await reader.details(ref)
  return details === null ? [] : unpackTexts(details)
}

const lineOf = ({ columns }: Block, row: number): number => columns.line[row] ?? 0

/** -1: it is not there. */
function rowOf(block: Block, order: number, id: string): number {
  const { order: orders } = block.columns
  let [low, high] = [0, block.calls]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((orders[middle] ?? 0) < order) low = middle + 1
    else high = middle
  }
  for (let row = low; orders[row] === order; row++) if (idIn(block, row) === id) return row
  return -1
}

/** What was said goes before what happened, the oldest first. */
const letGoFirst = (a: StoredDay, b: StoredDay): number =>
  a.kind === b.kind ? a.day - b.day || (a.place < b.place ? -1 : 1) : a.kind === 'content' ? -1 : 1
