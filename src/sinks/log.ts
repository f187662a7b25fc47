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
  /** Writes out what is waiting. */
  flush(): void
  /** Lines given up because nobody read the log fast enough. */
  readonly dropped: () => number
}

/** The log: lines are gathered and written ten times a second, and given up rather than let grow without bound. */
export function openLog(settings: LogSettings, stream: LineStream, clock: Clock): Log {
  let waiting: string[] = []
  let armed = false
  let dropped = 0
  const flush = (): void => {
    armed = false
    if (waiting.length === 0) return
    const lines =
      settings.format === 'pretty'
        ? waiting.map((line) => prettyLine(line, settings.color))
        : waiting
    waiting = []
    if (stream.writableLength > backlogBytes) dropped += lines.length
    else stream.write(lines.join(''))
  }
  let timer: Timer | null = null
  const logger = pino(
    {
      level: settings.level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write(line: string) {
        if (waiting.length >= linesAtMost) {
          dropped++
          return
        }
        waiting.push(line)
        if (armed) return
        armed = true
        if (timer) timer.refresh()
        else timer = clock.timer(everyMs, flush)
      },
    },
  )
  return { logger, flush, dropped: () => dropped }
}
