import path from 'node:path'
import type { Config } from '../config/config.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { StoreOpenError } from '../store/store-open-error.ts'
import { UsageError } from './usage-error.ts'

/** Opens the store that the configuration names. Rejects with a UsageError. */
export async function openStore(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Store> {
  const { url } = config.store
  try {
    if (url !== null && /^postgres(ql)?:/.test(url)) return await openShared(url, config, env)
    const file = url?.replace(/^sqlite:/, '') ?? path.join(config.dataDir, 'sluice.db')
    return await openSqliteStore({ file })
  } catch (thrown) {
    if (thrown instanceof StoreOpenError) throw new UsageError(thrown.message, 1, { cause: thrown })
    throw thrown
  }
}

async function openShared(url: string, config: Config, env: NodeJS.ProcessEnv): Promise<Store> {
  // What one gateway made up for itself, the others on the same database would not know.
  const missing = [
    ...(env['SLUICE_ENCRYPTION_KEY'] ? [] : ['SLUICE_ENCRYPTION_KEY in the environment']),
    ...(config.auth.admin.password === null ? ['auth.admin.password in the configuration'] : []),
  ]
  if (missing.length > 0)
    throw new UsageError(
      `A Postgres store is shared, so nothing is generated for it: give ${missing.join(' and ')}, the same for every gateway on it.`,
      2,
    )
  // Most gateways need no driver.
  const { openPostgresStore } = await import('../store/postgres.ts')
  return openPostgresStore({ url })
}
