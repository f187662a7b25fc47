import { type CustomTypesConfig, Pool, types } from 'pg'
import { migratePostgres } from './postgres-migrate.ts'
import { StoreOpenError } from './store-open-error.ts'

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with what the driver knows after `?`. */
  readonly url: string
}

const connections = 10

// 64-bit numbers are times, counts and sizes here, all far below 2^53; bytes come as in every store.
const readers: Readonly<Record<number, (text: string) => unknown>> = {
  [types.builtins.INT8]: Number,
  // Read by whoever asked, as from every store.
  [types.builtins.JSON]: (text) => text,
  [types.builtins.BYTEA]: (text) => new Uint8Array(Buffer.from(text.slice(2), 'hex')),
}
const typeReaders: CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    readers[oid] ?? types.getTypeParser(oid, format),
}

/** Connects and brings the schema up to date. Throws only StoreOpenErrors, which never show the password. */
export async function openPool({ url }: PostgresOptions): Promise<Pool> {
  const place = describePlace(url)
  let pool: Pool | undefined
  try {
    pool = new Pool({
      connectionString: url,
      fallback_application_name: 'sluice',
      max: connections,
      connectionTimeoutMillis: 5000,
      // Longer than the server's own limit: it only ends a connection whose other end is gone.
      query_timeout: 20_000,
      keepAlive: true,
      allowExitOnIdle: true,
      types: typeReaders,
    })
    // A server that stops tells every connection; without listeners that would end the process.
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => {}))
    const client = await pool.connect()
    try {
      await migratePostgres(client, place)
    } finally {
      client.release()
    }
    return pool
  } catch (error) {
    await pool?.end()
    throw error instanceof StoreOpenError ? error : explain(error, place)
  }
}

function describePlace(url: string): string {
  const { hostname = '', port = '', pathname = '' } = URL.parse(url) ?? {}
  const server = port === '' ? hostname : `${hostname}:${port}`
  return `The Postgres database ${pathname.slice(1) || 'of the user’s name'} at ${server || 'this machine'}`
}

function explain(error: unknown, place: string): StoreOpenError {
  return new StoreOpenError(`${place} cannot be used: ${reasonOf(error)}`, { cause: error })
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const said = (error instanceof Error && error.message) || String(code ?? error)
  switch (code) {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return 'nothing answers there. Start it, or correct the host and port of store.url.'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name of its host is not known. Correct store.url.'
    case '28P01':
    case '28000':
      return `it refuses the user (${said}). Correct the user and password of store.url.`
    case '3D000':
      return 'there is no such database. Create it, or correct store.url.'
    case '42501':
      return `the user lacks a right (${said}). Give it the database: GRANT ALL ON SCHEMA public TO the user.`
    case '42P07':
      return `it has a table of the same name as one of ours (${said}). Give Sluice a database or a schema of its own.`
    case '25006':
      return 'it is read-only, perhaps a standby. Name the primary in store.url.'
    default:
      return `${said}. Check store.url, and that the server runs.`
  }
}
