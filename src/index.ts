import { readFileSync } from 'node:fs'
import { startGateway } from './cli/compose.ts'
import { ConfigInForce, type ReadConfig } from './cli/config-in-force.ts'
import { establishIdentity, prepareDataDir } from './cli/first-run.ts'
import { readMasterKeys } from './cli/master-key.ts'
import { openStore } from './cli/open-store.ts'
import type { Config } from './config/config.ts'
import { loadConfig } from './config/load.ts'
import { systemRuntime } from './core/system.ts'
import { providerTypes } from './providers/registry.ts'
import { type LineStream, openLog } from './sinks/log.ts'

export type { Config } from './config/config.ts'
export { ConfigError, type ConfigProblem } from './config/config-error.ts'
export { type ErrorCode, GatewayError } from './core/errors.ts'

export interface GatewayOptions {
  /** The configuration file. Absent: `sluice.yaml` in `cwd` where there is one, else the defaults with `demo`. */
  readonly config?: string
  /** Each beats the file, as the flag of the same name does. */
  readonly host?: string
  readonly port?: number
  readonly dataDir?: string
  readonly logLevel?: Config['log']['level']
  /** What `${NAME}` in the file and the `SLUICE_*` names are read from, `process.env` say. Absent: nothing. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** What relative paths start at. Absent: the folder the process runs in. */
  readonly cwd?: string
  /** Where log lines go, as JSON, `process.stderr` say. Absent: nowhere. */
  readonly log?: LineStream
}

export interface RunningGateway {
  /** Without a slash at its end. */
  readonly url: string
  readonly config: Config
  /** The virtual key made just now, because neither the configuration nor the store had one; else null. */
  readonly firstKey: string | null
  /** Lets calls under way end, for `server.drain.grace` at most, and gives the data folder back. */
  close(): Promise<void>
}

/**
 * Runs a gateway inside this process, the same one the command line starts, without its signals and its watching of the
 * file. Rejects with a ConfigError, or with an Error whose message says what to do.
 */
export async function createGateway(options: GatewayOptions = {}): Promise<RunningGateway> {
  const { config: file, host, port, dataDir, logLevel, env = {}, cwd = process.cwd() } = options
  const read: ReadConfig = (text) =>
    loadConfig({
      ...(text !== undefined && { text }),
      flags: {
        ...(file !== undefined && { config: file }),
        ...(host !== undefined && { host }),
        ...(port !== undefined && { port }),
        ...(dataDir !== undefined && { dataDir }),
        ...(logLevel !== undefined && { logLevel }),
      },
      env,
      cwd,
      providerTypes: [...providerTypes.values()],
    })
  const source = new ConfigInForce(read(), read)
  const { config } = source.current()
  prepareDataDir(config.dataDir)
  const store = await openStore(config, env)
  try {
    const master = readMasterKeys(config.dataDir, env)
    const identity = await establishIdentity(store, config, master, systemRuntime)
    const { level } = config.log
    const log = openLog(
      { level: options.log ? level : 'silent', format: 'json', color: false },
      options.log ?? { write: () => {}, writableLength: 0 },
      systemRuntime.clock,
    )
    const running = await startGateway({
      source,
      identity,
      store,
      log,
      runtime: systemRuntime,
      version: readVersion(),
      front: true,
      env,
    })
    const name = config.server.host
    let closed: Promise<void> | null = null
    return {
      url: `http://${name.includes(':') ? `[${name}]` : name}:${running.port}`,
      config,
      firstKey: identity.generated.key,
      close: () => {
        closed ??= running.shutdown(0)
        return closed
      },
    }
  } catch (thrown) {
    await store.close()
    throw thrown
  }
}

function readVersion(): string {
  const file = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
