import type { Pool, PoolClient } from 'pg'
import type {
  BlockReader,
  BlockRef,
  BlockStore,
  NewBatch,
  NewBlock,
  StoredBody,
  StoredDay,
} from './block-store.ts'
import { openPool, type PostgresOptions } from './postgres-open.ts'
import { holdLock } from './postgres-steps.ts'
import type { Loss } from './request-log.ts'

const tables = `
  create table if not exists request_log_blocks (
    day bigint not null,
    id bigint generated always as identity,
    batch text,
    calls bigint not null,
    first bigint not null,
    last bigint not null,
    columns bytea not null,
    details bytea not null,
    primary key (day, id),
    unique (day, batch)
  ) partition by range (day);
  create index if not exists request_log_blocks_list on request_log_blocks (first, last);
  create table if not exists request_log_bodies (
    day bigint not null,
    call text not null,
    part text not null,
    size bigint not null,
    truncated boolean not null,
    bytes bytea not null,
    primary key (day, call, part)
  ) partition by range (day);
  create table if not exists request_log_losses (
    calls bigint,
    start bigint not null,
    until bigint not null,
    reason text not null
  )`
const dayMs = 86_400_000
const parents = { calls: 'request_log_blocks', content: 'request_log_bodies' } as const
type Kind = keyof typeof parents

/** Opens the place for the log of several gateways: a partition for each day. Rejects with a StoreOpenError. */
export async function openPostgresBlockStore(
  options: PostgresOptions,
): Promise<PostgresBlockStore> {
  const pool = await openPool(options)
  try {
    await inTransaction(pool, 'read committed', async (client) => {
      await holdLock(client, 'request log')
      await client.query(tables)
    })
    return new PostgresBlockStore(pool)
  } catch (thrown) {
    await pool.end()
    throw thrown
  }
}

/** Blocks on a database server. */
export class PostgresBlockStore implements BlockStore {
  /** A day is one part here, however large. */
  partBytes = Number.POSITIVE_INFINITY
  readonly #pool: Pool
  readonly #known = new Set<string>()

  constructor(pool: Pool) {
    this.#pool = pool
  }

  async insert({ id, blocks, bodies, loss }: NewBatch): Promise<readonly BlockRef[]> {
    await this.#prepare('calls', blocks)
    await this.#prepare('content', bodies)
    try {
      return await inTransaction(this.#pool, 'read committed', async (client) => {
        for (const body of bodies) await insertBody(client, body)
        const refs: BlockRef[] = []
        for (const block of blocks) refs.push(...(await insertBlock(client, id, block)))
        const isRepeat = blocks.length > 0 && refs.length === 0
        if (loss && !isRepeat) await insertLoss(client, loss)
        return refs
      })
    } catch (thrown) {
      // Another gateway may have let go of a day that was there a moment ago.
      this.#known.clear()
      throw thrown
    }
  }

  async replace(refs: readonly BlockRef[], block: NewBlock): Promise<BlockRef | null> {
    return await inTransaction(this.#pool, 'read committed', async (client) => {
      const gone = await client.query(
        'delete from request_log_blocks where day = $1 and id = any($2::bigint[])',
        [block.day, refs.map(({ id }) => id)],
      )
      // Others who merge at the same time were there first: what is left of them stays as it is.
      if (gone.rowCount !== refs.length) {
        await client.query('rollback')
        return null
      }
      return (await insertBlock(client, null, block))[0] ?? null
    })
  }

  async read<Result>(ask: (reader: BlockReader) => Promise<Result>): Promise<Result> {
    return await inTransaction(this.#pool, 'repeatable read read only', (client) =>
      ask(new Reader(client)),
    )
  }

  /** Other gateways write here too, and merge their own. */
  async left(): Promise<readonly BlockRef[]> {
    return []
  }

  async days(): Promise<readonly StoredDay[]> {
    const found = await Promise.all(
      (['calls', 'content'] as const).map(async (kind) => {
        const { rows } = await this.#pool.query<{ place: string; bytes: number }>(
          `select child.relname as place, pg_total_relation_size(child.oid) as bytes
            from pg_inherits join pg_class child on child.oid = pg_inherits.inhrelid
            where pg_inherits.inhparent = to_regclass($1) and child.relkind = 'r'
            order by child.relname`,
          [parents[kind]],
        )
        return rows.map(({ place, bytes }, n) => ({
          ...{ place, kind, day: dayOfPlace(place), bytes: Number(bytes) },
          isOpen: n === rows.length - 1,
        }))
      }),
    )
    return found.flat()
  }

  async drop({ place, kind, day }: StoredDay): Promise<void> {
    this.#known.delete(place)
    await inTransaction(this.#pool, 'read committed', async (client) => {
      await client.query('set local lock_timeout = 5000')
      await client.query(`drop table if exists ${placeOf(kind, day)}`)
      if (kind === 'calls')
        await client.query('delete from request_log_losses where until < $1', [day + dayMs])
    })
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #prepare(kind: Kind, given: readonly { readonly day: number }[]): Promise<void> {
    for (const day of new Set(given.map((each) => each.day))) {
      const place = placeOf(kind, day)
      if (this.#known.has(place)) continue
      await inTransaction(this.#pool, 'read committed', async (client) => {
        // Two that make the same one at once would be in each other's way.
        await holdLock(client, 'request log')
        await client.query(
          `create table if not exists ${place} partition of ${parents[kind]} for values from (${day}) to (${day + dayMs})`,
        )
      })
      this.#known.add(place)
    }
  }
}

class Reader implements BlockReader {
  readonly #client: PoolClient

  constructor(client: PoolClient) {
    this.#client = client
  }

  async blocks(from: number, to: number): Promise<readonly BlockRef[]> {
    // In days as well, so that the others are not looked at.
    const day = Math.floor(from / 4096 / dayMs) * dayMs
    const { rows } = await this.#client.query<Omit<BlockRef, 'place'> & { day: number }>(
      `select id, day, calls, first, last from request_log_blocks
        where day >= $1 and day < $2 and last >= $3 and first < $4`,
      [day, Math.ceil(most(to) / 4096), from, most(to)],
    )
    return rows.map((row) => ({ ...row, id: String(row.id), place: placeOf('calls', row.day) }))
  }

  columns(ref: BlockRef): Promise<Uint8Array | null> {
    return this.#blob('columns', ref)
  }

  details(ref: BlockRef): Promise<Uint8Array | null> {
    return this.#blob('details', ref)
  }

  async bodies(call: string, day: number): Promise<readonly StoredBody[]> {
    const { rows } = await this.#client.query<Omit<StoredBody, 'sizeBytes'> & { size: number }>(
      'select call, day, part, size, truncated, bytes from request_log_bodies where day = $1 and call = $2',
      [day, call],
    )
    return rows.map(({ size, ...row }) => ({ ...row, sizeBytes: size }))
  }

  async losses(from: number, to: number): Promise<readonly Loss[]> {
    const { rows } = await this.#client.query<{
      calls: number | null
      start: number
      until: number
      reason: string
    }>(
      `select calls, start, until, reason from request_log_losses
        where until >= $1 and start < $2 order by until desc limit 1000`,
      [from, most(to)],
    )
    return rows.map(({ calls, start, until, reason }) => ({
      calls,
      from: start,
      to: until,
      reason,
    }))
  }

  async #blob(column: 'columns' | 'details', { id, day }: BlockRef): Promise<Uint8Array | null> {
    const { rows } = await this.#client.query<{ blob: Uint8Array }>(
      `select ${column} as blob from request_log_blocks where day = $1 and id = $2`,
      [day, id],
    )
    return rows[0]?.blob ?? null
  }
}

async function insertBlock(
  client: PoolClient,
  batch: string | null,
  { day, calls, first, last, columns, details }: NewBlock,
): Promise<readonly BlockRef[]> {
  const { rows } = await client.query<{ id: number }>(
    `insert into request_log_blocks (day, batch, calls, first, last, columns, details)
      values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning id`,
    [day, batch, calls, first, last, columns, details],
  )
  const place = placeOf('calls', day)
  return rows.map(({ id }) => ({ id: String(id), place, day, calls, first, last }))
}

async function insertBody(
  client: PoolClient,
  { day, call, part, sizeBytes, truncated, bytes }: StoredBody,
): Promise<void> {
  await client.query(
    `insert into request_log_bodies (day, call, part, size, truncated, bytes)
      values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
    [day, call, part, sizeBytes, truncated, bytes],
  )
}

async function insertLoss(client: PoolClient, { calls, from, to, reason }: Loss): Promise<void> {
  await client.query(
    'insert into request_log_losses (calls, start, until, reason) values ($1, $2, $3, $4)',
    [calls, from, to, reason],
  )
}

async function inTransaction<Result>(
  pool: Pool,
  level: string,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect()
  let broken = false
  try {
    // A log may lose its last moments with the server; calls do not wait for its disk.
    await client.query(
      `begin isolation level ${level}; set local synchronous_commit = off; set local statement_timeout = 15000`,
    )
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (thrown) {
    await client.query('rollback').catch(() => {
      broken = true
    })
    throw thrown
  } finally {
    client.release(broken)
  }
}

/** What a `bigint` holds of it. */
const most = (value: number): number => Math.min(value, Number.MAX_SAFE_INTEGER)

const placeOf = (kind: Kind, day: number): string =>
  `${parents[kind]}_${new Date(day).toISOString().slice(0, 10).replaceAll('-', '')}`

function dayOfPlace(place: string): number {
  const [, year, month, date] = /_(\d{4})(\d\d)(\d\d)$/.exec(place) ?? []
  return Date.UTC(Number(year), Number(month) - 1, Number(date))
}
