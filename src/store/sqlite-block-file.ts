import { closeSync, openSync, renameSync, rmSync, type Stats, statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { NewBlock } from './block-store.ts'
import { readErrcode } from './sqlite-protocol.ts'

const busyTimeoutMs = 2000
const walKeptBytes = 8 * 1024 * 1024

const callsSchema = `
  create table if not exists blocks (
    id integer primary key not null,
    batch text unique,
    day bigint not null,
    calls bigint not null,
    first bigint not null,
    last bigint not null,
    columns blob not null,
    details blob not null
  );
  create index if not exists blocks_list on blocks (first, last, calls, day);
  create table if not exists losses (
    calls bigint,
    start bigint not null,
    until bigint not null,
    reason text not null
  );`
const contentSchema = `
  create table if not exists bodies (
    call text not null,
    part text not null,
    size bigint not null,
    truncated integer not null,
    bytes blob not null,
    unique (call, part)
  );`

/** A file, by what its name says. */
export interface BlockFileName {
  readonly place: string
  readonly kind: 'calls' | 'content'
  readonly day: number
  readonly part: number
}

export function nameOf(place: string): BlockFileName | null {
  const found = /^(calls|content)-(\d{4}-\d\d-\d\d)(?:-(\d+))?\.db$/.exec(place)
  if (!found) return null
  const kind = found[1] as BlockFileName['kind']
  return { place, kind, day: Date.parse(`${found[2]}T00:00:00Z`), part: Number(found[3] ?? 1) }
}

export const placeOf = (kind: BlockFileName['kind'], day: number, part: number): string =>
  `${kind}-${new Date(day).toISOString().slice(0, 10)}${part > 1 ? `-${part}` : ''}.db`

export const statOf = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false })

/** One that is damaged is put aside for whoever wants to look, and another begun in its place. */
export function openBlockFile(path: string, kind: BlockFileName['kind']): BlockFile {
  const schema = kind === 'calls' ? callsSchema : contentSchema
  try {
    return new BlockFile(path, schema)
  } catch (thrown) {
    const code = (readErrcode(thrown) ?? 0) & 0xff
    if (code !== damaged && code !== notADatabase) throw thrown
    renameSync(path, `${path}.damaged`)
    for (const end of ['-wal', '-shm']) rmSync(path + end, { force: true })
    return new BlockFile(path, schema)
  }
}

const damaged = 11
const notADatabase = 26

type Value = string | number | Uint8Array | null

/** One file, and its statements. */
export class BlockFile {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #inode: number | undefined

  constructor(path: string, schema: string) {
    // SQLite would create it readable for everybody.
    closeSync(openSync(path, 'a', 0o600))
    this.#db = new DatabaseSync(path, { timeout: busyTimeoutMs, defensive: true })
    try {
      // NORMAL: a kill loses nothing that was committed, a power cut the last moments.
      this.#db.exec(
        `pragma page_size = 16384; pragma journal_mode = wal; pragma synchronous = normal; pragma journal_size_limit = ${walKeptBytes};`,
      )
      this.#db.exec(schema)
    } catch (thrown) {
      this.#db.close()
      throw thrown
    }
    this.#inode = statOf(path)?.ino
  }

  isThere(path: string): boolean {
    return statOf(path)?.ino === this.#inode
  }

  all(sql: string, ...values: readonly Value[]): readonly Record<string, unknown>[] {
    return this.#prepare(sql).all(...values) as Record<string, unknown>[]
  }

  /** How many rows it changed. */
  run(sql: string, ...values: readonly Value[]): number {
    return Number(this.#prepare(sql).run(...values).changes)
  }

  insertBlock(batch: string | null, block: NewBlock): number {
    const { day, calls, first, last, columns, details } = block
    const sql =
      'insert into blocks (batch, day, calls, first, last, columns, details) values (?, ?, ?, ?, ?, ?, ?)'
    const values = [batch, day, calls, first, last, columns, details]
    return Number(this.#prepare(sql).run(...values).lastInsertRowid)
  }

  inTransaction<Result>(work: () => Result): Result {
    this.#db.exec('begin immediate')
    try {
      const result = work()
      this.#db.exec('commit')
      return result
    } catch (thrown) {
      // A full disk may have ended the transaction already.
      if (this.#db.isTransaction) this.#db.exec('rollback')
      throw thrown
    }
  }

  close(): void {
    this.#db.close()
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.#db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}
