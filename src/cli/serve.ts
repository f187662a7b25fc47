import { existsSync } from 'node:fs'
import { type Flags, type LoadedConfig, loadConfig } from '../config/load.ts'
import { isLoopback } from '../config/proxy.ts'
import { systemRuntime } from '../core/system.ts'
import { renderBanner } from './banner.ts'
import { ConfigInForce, type ReadConfig } from './config-in-force.ts'
import { establishIdentity, firstRunFile, prepareDataDir } from './first-run.ts'
import { readMasterKeys } from './master-key.ts'
import { openStore } from './open-store.ts'
import { followConfig } from './reloading.ts'
import { stopOnSignals } from './stopping.ts'
import { UsageError } from './usage-error.ts'

export interface ServeOptions {
  readonly flags: Flags
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  readonly version: string
  readonly front: boolean
}

/** Runs the gateway until a signal ends it. Throws before it listens; afterwards the process ends by itself. */
export async function serve({ flags, env, cwd, version, front }: ServeOptions): Promise<void> {
  // The types are small; the store's worker starts beside the loading of everything that follows.
  const { providerTypes } = await import('../providers/registry.ts')
  const types = [...providerTypes.values()]
  const read: ReadConfig = (text) =>
    loadConfig({ flags, env, cwd, providerTypes: types, ...(text !== undefined && { text }) })
  const loaded = read()
  const source = new ConfigInForce(loaded, read)
  const { config } = loaded
  prepareDataDir(config.dataDir)
  const [store, { startGateway }, { openLog }] = await Promise.all([
    openStore(config, env),
    import('./compose.ts'),
    import('../sinks/log.ts'),
  ])
  const terminal = process.stderr.isTTY === true
  const log = openLog(
    {
      level: config.log.level,
      format: config.log.format ?? (terminal ? 'pretty' : 'json'),
      color: terminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
    },
    process.stderr,
    systemRuntime.clock,
  )
  const identity = await establishIdentity(
    store,
    config,
    readMasterKeys(config.dataDir, env),
    systemRuntime,
  )
  const running = await startGateway({
    source,
    identity,
    store,
    log,
    runtime: systemRuntime,
    version,
    front,
    env,
  }).catch((thrown: unknown) => {
    throw describeListenFailure(thrown, config.server)
  })
  const stopFollowing = followConfig(source, running, log)
  const delayMs = (): number => source.current().config.server.drain.delayMs
  stopOnSignals(running, log, delayMs, stopFollowing)

  // Last, since whoever reads this line may signal at once.
  const host = config.server.host.includes(':') ? `[${config.server.host}]` : config.server.host
  process.stdout.write(`Sluice is listening on http://${host}:${running.port}\n`)
  const secrets = firstRunFile(config)
  process.stderr.write(
    renderBanner(loaded, identity, {
      port: running.port,
      version,
      terminal,
      firstRunFile: existsSync(secrets) ? secrets : null,
    }),
  )
  if (config.auth.inference === 'optional' && !isLoopback(config.server.host))
    log.logger.warn(
      'callers need no key (auth.inference: optional) and others can reach this address',
    )
}

function describeListenFailure(
  thrown: unknown,
  { host, port }: LoadedConfig['config']['server'],
): unknown {
  const code = (thrown as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE')
    return new UsageError(
      `Port ${port} on ${host} is in use. Is Sluice already running? Stop it, or start with --port ${port + 1} or --port 0.`,
      1,
    )
  if (code === 'EACCES')
    return new UsageError(
      `This user may not listen on port ${port}. Ports below 1024 need a privilege; start with --port 8080.`,
      1,
    )
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new UsageError(
      `${host} is no address of this machine. Use 127.0.0.1 for this machine alone, or 0.0.0.0 for every network.`,
      1,
    )
  return thrown
}
