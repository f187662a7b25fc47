import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { secretsIn } from '../config/secrets-in.ts'
import type { Call } from '../core/call.ts'
import { createRedactor, type Redactor } from '../core/redactor.ts'
import type { Clock, Runtime, Timer } from '../core/runtime.ts'
import { ContentCapture } from '../gateway/content-capture.ts'
import { LogTail } from '../gateway/log-tail.ts'
import { LogWriter } from '../gateway/log-writer.ts'
import type { CallRecord } from '../observability/records.ts'
import type { Log } from '../sinks/log.ts'
import type { LogRules, LogSize, RequestLog } from '../store/request-log.ts'
import { orderOf, timeOf } from '../store/request-log-block.ts'
import { noFilter } from '../store/request-log-filter.ts'
import { ThreadLog } from './request-log-thread.ts'

export interface RequestLogParts {
  readonly config: Config
  readonly runtime: Runtime
  readonly logger: Log['logger']
}

/** What keeps the calls that were made, and what it takes to show them. */
export interface OpenRequestLog {
  /** Null: it is off (`request_log.enabled`). */
  readonly log: RequestLog | null
  readonly tail: LogTail
  readonly content: ContentCapture
  readonly redact: () => Redactor
  /** `text`: the record as JSON. Never throws and never waits. */
  readonly record: (record: CallRecord, call: Call, text: string) => void
  readonly signs: () => { readonly lost: number; readonly waiting: number; readonly bytes: number }
  follow(config: Config): void
  /** Leaves no timer behind. */
  stop(): void
  /** After the last call: writes what is left. */
  close(): Promise<void>
}

const pruneMs = 15_000
/** A database that hangs must not keep the process. */
const closeMs = 5000

export function openRequestLog({ config, runtime, logger }: RequestLogParts): OpenRequestLog {
  const { clock, randomId } = runtime
  const tail = new LogTail(clock)
  const content = new ContentCapture()
  let settings = config.requestLog
  let redact = createRedactor(secretsIn(config))
  const shared = { tail, content, redact: () => redact }
  const follow = (next: Config): void => {
    settings = next.requestLog
    redact = createRedactor(secretsIn(next))
  }
  if (!settings.enabled) {
    const signs = () => ({ lost: 0, waiting: 0, bytes: 0 })
    return { ...shared, log: null, record() {}, signs, follow, stop() {}, async close() {} }
  }
  const folder = join(config.dataDir, 'request-log')
  const url = postgresUrl(config)
  const log = new ThreadLog({ url, folder, rules: rulesOf(config) })
  const warn = (thrown: unknown, what: string): void => {
    const { message, cause } = thrown instanceof Error ? thrown : new Error(String(thrown))
    logger.warn({ reason: cause instanceof Error ? `${message} ${cause.message}` : message }, what)
  }
  const writer = new LogWriter({
    ...{ log, clock, content, tail, warn },
    newId: randomId,
    settings: () => settings,
  })
  const mark = markOpen(folder)
  if (mark.wasOpen) void tellKill(log, runtime, logger).catch(() => {})
  let size: LogSize | null = null
  let stopped = false
  const prune = (): void => {
    log
      .prune(clock.now())
      .then((found) => {
        size = found
      })
      .catch((thrown: unknown) => warn(thrown, 'old calls could not be removed from the log'))
      .finally(() => {
        if (!stopped) pruning.refresh()
      })
  }
  const pruning: Timer = clock.timer(pruneMs, prune)
  return {
    ...shared,
    log,
    record: (record, call, text) => writer.add(record, call, text),
    signs: () => ({ lost: writer.lost, waiting: writer.waiting, bytes: size?.bytes ?? 0 }),
    follow(next) {
      follow(next)
      log.follow(rulesOf(next)).catch((thrown: unknown) => warn(thrown, 'the request log is away'))
    },
    stop() {
      stopped = true
      writer.stop()
      pruning.cancel()
    },
    async close() {
      const written = writer.flush().then(() => log.close())
      const isDone = await atMost(closeMs, written, clock)
      const { waiting: calls } = writer
      if (isDone && calls === 0) mark.remove()
      else logger.warn({ calls }, 'the request log could not be written: these calls are not in it')
      if (!isDone) await log.terminate()
    },
  }
}

function rulesOf(config: Config): LogRules {
  const { keepMs, contentKeepMs, maxBytes, maxBodyBytes } = config.requestLog
  return { keepMs, contentKeepMs, maxBytes, maxBodyBytes, secrets: secretsIn(config) }
}

const postgresUrl = ({ store: { url } }: Config): string | null =>
  url !== null && /^postgres(ql)?:/.test(url) ? url : null

/** A file that is there while the log is open: whoever finds it knows that nobody closed it. */
function markOpen(folder: string): { readonly wasOpen: boolean; remove(): void } {
  const file = join(folder, 'open')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const wasOpen = existsSync(file)
  writeFileSync(file, '', { mode: 0o600 })
  return { wasOpen, remove: () => rmSync(file, { force: true }) }
}

/** The process before was killed: what it had not written yet nobody can tell. */
async function tellKill(log: RequestLog, runtime: Runtime, logger: Log['logger']): Promise<void> {
  const now = runtime.clock.now()
  const [last] = (await log.find(noFilter, null, 1)).calls
  const from = last ? Math.min(now, timeOf(orderOf(last.id))) : now
  const reason = 'the process ended without closing the log'
  await log.append({
    id: runtime.randomId(),
    blocks: [],
    bodies: [],
    loss: { calls: null, from, to: now, reason },
  })
  logger.warn(
    { last_call: last?.id, since: new Date(from).toISOString() },
    'the process before ended without closing the request log: calls of its last half second may be missing there',
  )
}

/** Whether it was done within the time. What it failed with is told by who does it. */
async function atMost(ms: number, work: Promise<unknown>, clock: Clock): Promise<boolean> {
  const over = new AbortController()
  const late = clock.sleep(ms, over.signal).then(
    () => false,
    () => false,
  )
  const done = work.then(
    () => true,
    () => true,
  )
  const isDone = await Promise.race([done, late])
  over.abort()
  return isDone
}
