import type { Budget, CalendarUnit } from './allowance.ts'

/**
 * The window that a moment is in: a pure function, so that no job ever resets anything and two nodes agree. Periods
 * follow each other from the epoch on; the calendar's are UTC's, weeks begin on Monday. Epoch ms, the end exclusive.
 */
export function windowOf(
  window: Budget['window'],
  epochMs: number,
): { readonly startAt: number; readonly endAt: number } {
  if ('periodMs' in window) {
    const startAt = Math.floor(epochMs / window.periodMs) * window.periodMs
    return { startAt, endAt: startAt + window.periodMs }
  }
  return calendarWindow(window.calendar, epochMs)
}

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs
/** The first Monday after the epoch, a Thursday. */
const mondayMs = 4 * dayMs
const lengths = { minute: minuteMs, hour: 60 * minuteMs, day: dayMs, week: 7 * dayMs } as const

function calendarWindow(
  unit: CalendarUnit,
  epochMs: number,
): { readonly startAt: number; readonly endAt: number } {
  if (unit === 'month') {
    const day = new Date(epochMs)
    const [year, month] = [day.getUTCFullYear(), day.getUTCMonth()]
    return { startAt: Date.UTC(year, month), endAt: Date.UTC(year, month + 1) }
  }
  const from = unit === 'week' ? mondayMs : 0
  const startAt = Math.floor((epochMs - from) / lengths[unit]) * lengths[unit] + from
  return { startAt, endAt: startAt + lengths[unit] }
}
