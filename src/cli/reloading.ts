import { ConfigError, renderConfigError } from '../config/config-error.ts'
import { watchFiles } from '../config/watch.ts'
import type { Log } from '../sinks/log.ts'
import type { RunningGateway } from './compose.ts'
import type { ConfigInForce } from './config-in-force.ts'

/** Follows the configuration's files, and SIGHUP: a good change is put in force, a bad one refused and told. Answers how to stop. */
export function followConfig(
  source: ConfigInForce,
  running: Pick<RunningGateway, 'noteRefusedReload'>,
  { logger }: Log,
): () => void {
  let stopped = false
  // Told where it is refused.
  const onChange = (): void => void source.reload().catch(() => {})
  const watch = (): (() => void) => {
    const { watched } = source.current()
    return watched.length > 0 && !stopped ? watchFiles(watched, onChange) : () => {}
  }
  let stopWatching = watch()
  source.onReloaded = (loaded, needRestart) => {
    for (const setting of needRestart) logger.warn({ setting }, 'a changed setting needs a restart')
    for (const warning of loaded.warnings) logger.warn(warning)
    if (loaded.notInForce.length > 0)
      logger.warn(`not in force in this version: ${loaded.notInForce.join(', ')}`)
    logger.info({ file: loaded.file }, 'the configuration was read again and is in force')
    // What is watched is part of what was read.
    stopWatching()
    stopWatching = watch()
  }
  source.onRefused = (thrown) => {
    running.noteRefusedReload()
    const reason = thrown instanceof ConfigError ? renderConfigError(thrown) : String(thrown)
    logger.error({ reason }, 'the configuration is refused; the one before stays in force')
  }
  process.on('SIGHUP', onChange)
  return () => {
    stopped = true
    stopWatching()
  }
}
