import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type {
  BlockReader,
  BlockRef,
  BlockStore,
  NewBatch,
  NewBlock,
  StoredBody,
  StoredDay,
} from './block-store.ts'
import type { Loss } from './request-log.ts'
import {
  type BlockFile,
  type BlockFileName,
  nameOf,
  openBlockFile,
  placeOf,
  statOf,
} from './sqlite-block-file.ts'

const openAtMost = 40
const defaultPartBytes = 512 * 1024 * 1024

/** Blocks in files of their own, one or more for each day, so that letting go of a day is removing a file. */
export class SqliteBlockStore implements BlockStore, BlockReader {
  partBytes = defaultPartBytes
  readonly #folder: string
  /** The most recently used last. */
  readonly #open = new Map<string, BlockFile>()
  /** What is known of the blocks in a file, so that asking for a time costs no query. */
  readonly #refs = new Map<string, BlockRef[]>()

  /** Creates the folder where there is none. */
  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  async insert({ id, blocks, bodies, loss }: NewBatch): Promise<readonly BlockRef[]> {
    for (const [day, own] of Map.groupBy(bodies, (body) => body.day)) this.#insertBodies(day, own)
    const days = new Set(blocks.map(({ day }) => day))
    // A loss without calls is told on the day it ended.
    if (loss && days.size === 0) days.add(loss.to - (loss.to % dayMs))
    return [...days].flatMap((day, n) => {
      const own = blocks.filter((block) => block.day === day)
      return this.#insertBlocks(day, id, own, n === 0 ? loss : null)
    })
  }

  async replace(refs: readonly BlockRef[], block: NewBlock): Promise<BlockRef | null> {
    const place = refs[0]?.place ?? ''
    const file = this.#use(place)
    const gone = new Set(refs.map(({ id }) => id))
    const added = file.inTransaction(() => {
      const changes = refs.map(({ id }) => Number(file.run('delete from blocks where id = ?', id)))
      if (changes.some((count) => count !== 1)) throw new Error('blocks to be replaced are missing')
      return file.insertBlock(null, block)
    })
    const ref = { ...refOf(block), id: String(added), place }
    this.#refs.set(place, [
      ...(this.#refs.get(place) ?? []).filter((each) => !gone.has(each.id)),
      ref,
    ])
    return ref
  }

  read<Result>(ask: (reader: BlockReader) => Promise<Result>): Promise<Result> {
    return ask(this)
  }

  blocks(from: number, to: number): readonly BlockRef[] {
    return this.#files('calls').flatMap(({ place, day }) => {
      const own = day + dayMs <= from / 4096 || day >= to / 4096 ? [] : this.#refsIn(place)
      return own.filter(({ first, last }) => first < to && last >= from)
    })
  }

  columns(ref: BlockRef): Uint8Array | null {
    return this.#blob('columns', ref)
  }

  details(ref: BlockRef): Uint8Array | null {
    return this.#blob('details', ref)
  }

  bodies(call: string, day: number): readonly StoredBody[] {
    return this.#files('content')
      .filter((file) => file.day === day)
      .flatMap(({ place }) => {
        const rows = this.#use(place).all('select * from bodies where call = ?', call)
        return rows.map((row) => ({
          call,
          day,
          part: row['part'] as StoredBody['part'],
          bytes: row['bytes'] as Uint8Array,
          sizeBytes: Number(row['size']),
          truncated: row['truncated'] === 1,
        }))
      })
  }

  losses(from: number, to: number): readonly Loss[] {
    return this.#files('calls')
      .filter(({ day }) => day + dayMs > from && day < to)
      .flatMap(({ place }) => {
        const query = 'select * from losses where until >= ? and start < ?'
        return this.#use(place).all(query, from, to)
      })
      .map((row) => ({
        calls: row['calls'] === null ? null : Number(row['calls']),
        from: Number(row['start']),
        to: Number(row['until']),
        reason: String(row['reason']),
      }))
      .sort((a, b) => b.to - a.to)
  }

  async left(smallerThan: number): Promise<readonly BlockRef[]> {
    // Earlier days are what they are: nothing is added to them that would make it worth while.
    const newest = this.#files('calls').at(-1)
    return newest ? this.#refsIn(newest.place).filter(({ calls }) => calls < smallerThan) : []
  }

  async days(): Promise<readonly StoredDay[]> {
    return (['calls', 'content'] as const).flatMap((kind) => {
      const files = this.#files(kind)
      const newest = files.at(-1)?.place
      return files.map(({ place, day }) => ({
        ...{ place, kind, day },
        bytes: this.#sizeOf(place),
        isOpen: place === newest,
      }))
    })
  }

  async drop({ place }: StoredDay): Promise<void> {
    this.#open.get(place)?.close()
    this.#open.delete(place)
    this.#refs.delete(place)
    this.#listed = null
    for (const end of ['', '-wal', '-shm', '.damaged'])
      rmSync(join(this.#folder, place + end), { force: true })
  }

  async close(): Promise<void> {
    for (const file of this.#open.values()) file.close()
    this.#open.clear()
  }

  #insertBodies(day: number, bodies: readonly StoredBody[]): void {
    const file = this.#use(this.#current('content', day), true)
    file.inTransaction(() => {
      for (const { call, part, sizeBytes, truncated, bytes } of bodies)
        file.run(
          'insert into bodies (call, part, size, truncated, bytes) values (?, ?, ?, ?, ?) on conflict do nothing',
          ...[call, part, sizeBytes, truncated ? 1 : 0, bytes],
        )
    })
  }

  #insertBlocks(
    day: number,
    batch: string,
    blocks: readonly NewBlock[],
    loss: Loss | null,
  ): readonly BlockRef[] {
    const place = this.#current('calls', day)
    // First the file, which may have been removed since: what was known of it is forgotten then.
    const file = this.#use(place, true)
    const known = this.#refsIn(place)
    // Written already, by a try that was not answered.
    if (file.all('select 1 from blocks where batch = ?', batch).length > 0) return []
    const added = file.inTransaction(() => {
      if (loss)
        file.run(
          'insert into losses (calls, start, until, reason) values (?, ?, ?, ?)',
          ...[loss.calls, loss.from, loss.to, loss.reason],
        )
      return blocks.map((block) => ({
        ...refOf(block),
        id: String(file.insertBlock(batch, block)),
        place,
      }))
    })
    known.push(...added)
    return added
  }

  #blob(column: 'columns' | 'details', { place, id }: BlockRef): Uint8Array | null {
    try {
      const row = this.#use(place).all(`select ${column} from blocks where id = ?`, id)[0]
      return (row?.[column] as Uint8Array | undefined) ?? null
    } catch {
      return null // A damaged page must not hide what the others hold.
    }
  }

  #refsIn(place: string): BlockRef[] {
    const known = this.#refs.get(place)
    if (known) return known
    const rows = this.#use(place).all('select id, day, calls, first, last from blocks')
    const refs = rows.map((row) => ({
      id: String(row['id']),
      place,
      day: Number(row['day']),
      calls: Number(row['calls']),
      first: Number(row['first']),
      last: Number(row['last']),
    }))
    this.#refs.set(place, refs)
    return refs
  }

  #listed: readonly BlockFileName[] | null = null

  /** Oldest first. */
  #files(kind: BlockFileName['kind']): readonly BlockFileName[] {
    this.#listed ??= readdirSync(this.#folder)
      .flatMap((name) => nameOf(name) ?? [])
      .sort((a, b) => a.day - b.day || a.part - b.part)
    return this.#listed.filter((file) => file.kind === kind)
  }

  /** The part of a day that is written to; another one once it is large. */
  #current(kind: BlockFileName['kind'], day: number): string {
    const last = this.#files(kind).findLast((file) => file.day === day)
    if (last && this.#sizeOf(last.place) < this.partBytes) return last.place
    this.#listed = null
    return placeOf(kind, day, (last?.part ?? 0) + 1)
  }

  #sizeOf(place: string): number {
    return ['', '-wal'].reduce(
      (sum, end) => sum + (statOf(join(this.#folder, place + end))?.size ?? 0),
      0,
    )
  }

  /** `toWrite`: what it held may be gone, but what comes must not go there too. */
  #use(place: string, toWrite = false): BlockFile {
    const known = this.#open.get(place)
    const path = join(this.#folder, place)
    if (known && (!toWrite || known.isThere(path))) {
      this.#open.delete(place)
      this.#open.set(place, known)
      return known
    }
    // Removed or replaced by somebody.
    if (known) this.#forget(place, known)
    this.#listed = null
    const file = openBlockFile(path, nameOf(place)?.kind ?? 'calls')
    this.#open.set(place, file)
    const oldest = this.#open.size > openAtMost ? this.#open.entries().next().value : undefined
    if (oldest) {
      oldest[1].close()
      this.#open.delete(oldest[0])
    }
    return file
  }

  #forget(place: string, file: BlockFile): void {
    file.close()
    this.#open.delete(place)
    this.#refs.delete(place)
    this.#listed = null
  }
}

const dayMs = 86_400_000

const refOf = ({ day, calls, first, last }: NewBlock) => ({ day, calls, first, last })
