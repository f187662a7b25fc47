import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import {
  dueSql,
  type JobRow,
  readJobRows,
  rowsSql,
  type StoredJobs,
  straysSql,
} from './job-rows.ts'

/** Where jobs are kept, and how to look at them while no gateway runs. */
export interface CrashHome {
  start(): Promise<Gateway>
  /** To be asked after the gateway has ended. */
  read(dataDir: string): Promise<StoredJobs>
}

const entry = fileURLToPath(new URL('./serve-sweeping.ts', import.meta.url))

export const sqliteHome = (config: object): CrashHome => ({
  start: () => startGateway({ config, entry }),
  read: async (dataDir) => readJobRows(dataDir),
})

/** Longer than any lease, and than a node may be silent. */
const agedMs = 60_000

export function postgresHome(config: object, url: string): CrashHome {
  return {
    start: () =>
      startGateway({
        config: { ...config, store: { url } },
        entry,
        env: { SLUICE_ENCRYPTION_KEY: 'the-same-after-every-kill-0123456789' },
      }),
    async read() {
      const client = new Client({ connectionString: url })
      await client.connect()
      try {
        await untilAlone(client)
        // A dead node is known by its silence. That is made longer here instead of being waited for.
        await client.query('update nodes set beat_at = beat_at - $1', [agedMs])
        await client.query('update jobs set lease_until = lease_until - $1', [agedMs])
        const { rows } = await client.query<JobRow>(rowsSql)
        const [found] = (await client.query<{ strays: string }>(straysSql)).rows
        const [over] = (await client.query<{ due: string }>(dueSql(Date.now()))).rows
        return { rows, strays: Number(found?.strays), due: Number(over?.due) }
      } finally {
        await client.end()
      }
    },
  }
}

/** What a killed gateway had asked for may still be on its way to the disk. */
async function untilAlone(client: Client): Promise<void> {
  for (;;) {
    const { rowCount } = await client.query(
      "select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'",
    )
    if (rowCount === 0) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
