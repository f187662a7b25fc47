import type { Budget, CalendarUnit, Rate } from '../core/allowance.ts'

const durationUnits = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const sizeUnits = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const

// The schema and the parsers read the same patterns, so what validates also parses.
export const durationPattern = '^[0-9]{1,12}(ms|s|m|h|d)$'
export const positiveDurationPattern = '^0*[1-9][0-9]{0,11}(ms|s|m|h|d)$'
export const sizePattern = '^0*[1-9][0-9]{0,11}(B|KiB|MiB|GiB|TiB)?$'
const window = '(0*[1-9][0-9]{0,11}(ms|s|m|h|d)|minute|hour|day|week|month)'
export const windowPattern = `^${window}$`
export const ratePattern = `^0*[1-9][0-9]{0,14}/${window}$`

/** How long the calendar's windows are; a month as long as the longest. */
const calendarMs: Readonly<Record<CalendarUnit, number>> = {
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
  month: 31 * 86_400_000,
}

/** `250ms 5s 1m 1h 7d` in milliseconds. Throws a RangeError for anything else. */
export function parseDuration(text: string): number {
  const unit = new RegExp(durationPattern).exec(text)?.[1]
  if (unit === undefined) throw new RangeError(`"${text}" is not a duration`)
  return Number.parseInt(text, 10) * durationUnits[unit as keyof typeof durationUnits]
}

/** `64KiB 100MiB`, or a plain whole number of bytes, in bytes. Throws a RangeError for anything else. */
export function parseSize(value: string | number): number {
  if (typeof value === 'number') return value
  const found = new RegExp(sizePattern).exec(value)
  if (!found) throw new RangeError(`"${value}" is not a size`)
  const unit = (found[1] ?? 'B') as keyof typeof sizeUnits
  return Number.parseInt(value, 10) * sizeUnits[unit]
}

/** `1d`, or `day` for the calendar's. Throws a RangeError for anything else. */
export function parseWindow(text: string): Budget['window'] {
  return isCalendar(text) ? { calendar: text } : { periodMs: parseDuration(text) }
}

/** `100/1m`, or `100/minute` for the calendar's. Throws a RangeError for anything else. */
export function parseRate(text: string): Rate {
  if (!new RegExp(ratePattern).test(text)) throw new RangeError(`"${text}" is not a rate`)
  const per = text.slice(text.indexOf('/') + 1)
  const amount = Number.parseInt(text, 10)
  return isCalendar(per)
    ? { amount, windowMs: calendarMs[per], calendar: per }
    : { amount, windowMs: parseDuration(per) }
}

const isCalendar = (text: string): text is CalendarUnit => Object.hasOwn(calendarMs, text)
