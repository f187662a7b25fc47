import type { Log } from '../sinks/log.ts'
import type { RunningGateway } from './compose.ts'

/** npm hands a group's signal on a second time at once; a person's second one comes later and means it. */
const secondSignalMs = 1000
const crashGraceMs = 5000

/** Ends the process in order on SIGTERM and SIGINT, and soon after a fault of ours. */
export function stopOnSignals(
  running: RunningGateway,
  { logger, flush }: Log,
  delayMs: () => number,
  beforeStop: () => void,
): void {
  let since: number | null = null
  const stop = (delay: number, exitCode: number): void => {
    const now = performance.now()
    if (since !== null) {
      if (now - since > secondSignalMs) process.exit(1)
      return
    }
    since = now
    beforeStop()
    running.shutdown(delay).then(
      () => process.exit(exitCode),
      (thrown: unknown) => {
        logger.fatal({ reason: String(thrown) }, 'the shutdown failed')
        flush()
        process.exit(1)
      },
    )
  }
  // Never going on after a fault: what it left behind is not known. Jobs and callers meet a fresh process.
  const crash = (thrown: unknown): void => {
    const reason = thrown instanceof Error ? thrown.stack : String(thrown)
    logger.fatal({ reason }, 'a fault of the gateway; it ends')
    flush()
    setTimeout(() => process.exit(1), crashGraceMs).unref()
    stop(0, 1)
  }
  process.on('SIGTERM', () => stop(delayMs(), 0))
  process.on('SIGINT', () => stop(0, 0))
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
}
