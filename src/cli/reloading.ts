import { ConfigError, renderConfigError } from '../config/config-error.ts'
import type { LoadedConfig } from '../config/load.ts'
import { watchFiles } from '../config/watch.ts'
import type { Log } from '../sinks/log.ts'
import type { RunningGateway } from './compose.ts'

export interface Reloading {
  /** The configuration in force. */
  readonly current: () => LoadedConfig
  stop(): void
}

/** Follows the configuration's files, and SIGHUP: a good change is put in force, a bad one refused and told. */
export function followConfig(
  first: LoadedConfig,
  read: () => LoadedConfig,
  running: RunningGateway,
  { logger }: Log,
): Reloading {
  let loaded = first
  let stopped = false
  const reload = async (): Promise<void> => {
    const next = read()
    await running.reload(next.config)
    for (const setting of needRestart(loaded, next))
      logger.warn({ setting }, 'a changed setting needs a restart')
    for (const warning of next.warnings) logger.warn(warning)
    if (next.notInForce.length > 0)
      logger.warn(`not in force in this version: ${next.notInForce.join(', ')}`)
    loaded = next
    logger.info({ file: next.file }, 'the configuration was read again and is in force')
    stopWatching()
    // What is watched is part of what was read.
    if (!stopped) stopWatching = watch()
  }
  const onChange = (): void => {
    reload().catch((thrown: unknown) => {
      running.noteRefusedReload()
      const reason = thrown instanceof ConfigError ? renderConfigError(thrown) : String(thrown)
      logger.error({ reason }, 'the configuration is refused; the one before stays in force')
    })
  }
  const watch = (): (() => void) =>
    loaded.watched.length > 0 ? watchFiles(loaded.watched, onChange) : () => {}
  let stopWatching = watch()
  process.on('SIGHUP', onChange)
  return {
    current: () => loaded,
    stop() {
      stopped = true
      stopWatching()
    },
  }
}

function needRestart(before: LoadedConfig, after: LoadedConfig): readonly string[] {
  const parts = ({ config }: LoadedConfig): Readonly<Record<string, string>> => ({
    'server.host': config.server.host,
    'server.port': String(config.server.port),
    'store.url': String(config.store.url),
    'auth.admin': JSON.stringify(config.auth.admin),
    log: JSON.stringify(config.log),
  })
  const [a, b] = [parts(before), parts(after)]
  return Object.keys(a).filter((name) => a[name] !== b[name])
}
