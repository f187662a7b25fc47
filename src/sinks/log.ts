import { type Logger, pino } from 'pino'
import type { Clock, Timer } from '../core/runtime.ts'
import { prettyLine } from './pretty-line.ts'

export type { Logger } from 'pino'

export interface LogSettings {
  readonly level: string
  readonly format: 'json' | 'pretty'
  readonly color: boolean
}

/** Where lines end up: standard error in production. */
export interface LineStream {
  write(text: string): void
  /** Bytes accepted but not yet taken by the other side. */
  readonly writableLength: number
}

const everyMs = 100
const linesAtMost = 10_000
const backlogBytes = 16 * 1024 * 1024

export interface Log {
  readonly logger: Logger
  /**
   * One line at level `info`, from an object that nobody changes any more or from one as JSON. The line is made only when
   * lines are written: a call pays for an append.
   */
  readonly record: (record: object | string, message: string) => void
  /** Writes out what is waiting. */
  flush(): void
  /** Lines given up because nobody read the log fast enough. */
  readonly dropped: () => number
}

/** The log: lines are gathered and written ten times a second, and given up rather than let grow without bound. */
export function openLog(settings: LogSettings, stream: LineStream, clock: Clock): Log {
  let waiting: (string | Pending)[] = []
  const records = isEnabled(settings.level)
  let armed = false
  let dropped = 0
  const flush = (): void => {
    armed = false
    if (waiting.length === 0) return
    const lines = waiting.map((line) => (typeof line === 'string' ? line : lineOf(line)))
    waiting = []
    if (stream.writableLength > backlogBytes) dropped += lines.length
    else if (settings.format === 'pretty')
      stream.write(lines.map((line) => prettyLine(line, settings.color)).join(''))
    else stream.write(lines.join(''))
  }
  const add = (line: string | Pending): void => {
    if (waiting.length >= linesAtMost) {
      dropped++
      return
    }
    waiting.push(line)
    if (armed) return
    armed = true
    if (timer) timer.refresh()
    else timer = clock.timer(everyMs, flush)
  }
  let timer: Timer | null = null
  const logger = pino(
    {
      level: settings.level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: add },
  )
  const record = (fields: object | string, message: string): void => {
    if (records) add({ at: clock.now(), fields, message })
  }
  return { logger, record, flush, dropped: () => dropped }
}

interface Pending {
  readonly at: number
  readonly fields: object | string
  readonly message: string
}

/** In the form the logger writes, so that one reader reads both. Joined as text: copying the object costs more. */
function lineOf({ at, fields, message }: Pending): string {
  const inner = (typeof fields === 'string' ? fields : JSON.stringify(fields)).slice(1, -1)
  const time = new Date(at).toISOString()
  return `{"level":"info","time":"${time}"${inner && ','}${inner},"msg":${JSON.stringify(message)}}\n`
}

const isEnabled = (level: string): boolean => ['trace', 'debug', 'info'].includes(level)
