import { existsSync } from 'node:fs'
import path from 'node:path'
import { ConfigError, renderConfigError } from '../config/config-error.ts'
import { type Flags, type LoadedConfig, loadConfig } from '../config/load.ts'
import { isLoopback } from '../config/proxy.ts'
import { watchFiles } from '../config/watch.ts'
import { systemRuntime } from '../core/system.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { StoreOpenError } from '../store/store-open-error.ts'
import { renderBanner } from './banner.ts'
import { establishIdentity, firstRunFile, prepareDataDir, readMasterKey } from './first-run.ts'
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
  const read = (): LoadedConfig => loadConfig({ flags, env, cwd, providerTypes: types })
  let loaded = read()
  const { config } = loaded
  prepareDataDir(config.dataDir)
  const opening = openStore(config)
  const [{ startGateway }, { openLog }] = await Promise.all([
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
  const store = await opening
  const identity = await establishIdentity(
    store,
    config,
    readMasterKey(config.dataDir, env),
    systemRuntime,
  )
  const running = await startGateway({
    config,
    identity,
    store,
    log,
    runtime: systemRuntime,
    version,
    front,
  }).catch((thrown: unknown) => {
    throw describeListenFailure(thrown, config.server)
  })
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

  const reload = (): void => {
    void (async () => {
      const next = read()
      await running.reload(next.config)
      for (const name of needRestart(loaded, next))
        log.logger.warn({ setting: name }, 'a changed setting needs a restart')
      for (const warning of next.warnings) log.logger.warn(warning)
      if (next.notInForce.length > 0)
        log.logger.warn(`not in force in this version: ${next.notInForce.join(', ')}`)
      loaded = next
      log.logger.info({ file: next.file }, 'the configuration was read again and is in force')
      stopWatching()
      stopWatching = watch()
    })().catch((thrown: unknown) => {
      running.noteRefusedReload()
      const reason = thrown instanceof ConfigError ? renderConfigError(thrown) : String(thrown)
      log.logger.error({ reason }, 'the configuration is refused; the one before stays in force')
    })
  }
  const watch = (): (() => void) =>
    loaded.watched.length > 0 ? watchFiles(loaded.watched, reload) : () => {}
  let stopWatching = watch()
  process.on('SIGHUP', reload)

  let stoppingSince: number | null = null
  const stop = (delayMs: number, exitCode: number): void => {
    const now = performance.now()
    if (stoppingSince !== null) {
      // npm hands a group's signal on a second time at once; a person's second one means it.
      if (now - stoppingSince > 1000) process.exit(1)
      return
    }
    stoppingSince = now
    stopWatching()
    running.shutdown(delayMs).then(
      () => process.exit(exitCode),
      (thrown: unknown) => {
        log.logger.fatal({ reason: String(thrown) }, 'the shutdown failed')
        log.flush()
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', () => stop(loaded.config.server.drain.delayMs, 0))
  process.on('SIGINT', () => stop(0, 0))
  const crash = (thrown: unknown): void => {
    log.logger.fatal(
      { reason: thrown instanceof Error ? thrown.stack : String(thrown) },
      'a fault of the gateway; it ends',
    )
    log.flush()
    setTimeout(() => process.exit(1), 5000).unref()
    stop(0, 1)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
}

async function openStore(config: LoadedConfig['config']): ReturnType<typeof openSqliteStore> {
  try {
    return await openSqliteStore({ file: databaseFile(config) })
  } catch (thrown) {
    if (thrown instanceof StoreOpenError) throw new UsageError(thrown.message, 1, { cause: thrown })
    throw thrown
  }
}

function databaseFile({ store, dataDir }: LoadedConfig['config']): string {
  const given = store.url?.match(/^sqlite:(.+)$/)?.[1]
  return given ?? path.join(dataDir, 'sluice.db')
}

function needRestart(before: LoadedConfig, after: LoadedConfig): readonly string[] {
  const [a, b] = [before.config, after.config]
  return [
    ...(a.server.host !== b.server.host ? ['server.host'] : []),
    ...(a.server.port !== b.server.port ? ['server.port'] : []),
    ...(a.store.url !== b.store.url ? ['store.url'] : []),
    ...(a.auth.admin.password !== b.auth.admin.password ||
    a.auth.admin.username !== b.auth.admin.username
      ? ['auth.admin']
      : []),
    ...(a.log.level !== b.log.level || a.log.format !== b.log.format ? ['log'] : []),
  ]
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
