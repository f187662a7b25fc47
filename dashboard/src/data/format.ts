const whole = new Intl.NumberFormat('en-GB')
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

export const formatCount = (value: number): string =>
  Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value)

/** `$0.0095`: as many digits as a small sum needs to be seen. */
export function formatUsd(value: number): string {
  if (value === 0) return '$0'
  const size = Math.abs(value)
  const digits = size >= 1000 ? 0 : size >= 0.1 ? 2 : size >= 0.001 ? 4 : 6
  if (size < 0.000001) return '< $0.000001'
  return `${value < 0 ? '-' : ''}$${size.toLocaleString('en-GB', { minimumFractionDigits: Math.min(2, digits), maximumFractionDigits: digits })}`
}

export const nanosToUsd = (nanos: number): number => nanos / 1e9

export function formatMs(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–'
  if (ms === 0) return '0 ms'
  if (ms < 1) return `${ms.toFixed(2)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`
  return formatSpan(ms)
}

/** `1:02` and `3:04:05`. */
function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  const shown = parts[0] === 0 ? parts.slice(1) : parts
  return shown
    .map((part, at) => (at === 0 ? String(part) : String(part).padStart(2, '0')))
    .join(':')
}

export const formatPercent = (share: number): string =>
  `${(share * 100).toFixed(share > 0 && share < 0.1 ? 2 : 1)} %`

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

const timeOnly = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })
const dayAndTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })
const isToday = (date: Date): boolean => date.toDateString() === new Date().toDateString()

export function formatTime(time: string | number): string {
  const date = new Date(time)
  return isToday(date) ? timeOnly.format(date) : dayAndTime.format(date)
}

export const formatFullTime = (time: string | number): string =>
  `${dayAndTime.format(new Date(time))} (${zoneName()})`

const zoneName = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone

/** `12 s ago`, `in 3 h`. */
export function formatDistance(time: string | number, now: number): string {
  const ms = new Date(time).getTime() - now
  const size = Math.abs(ms)
  const units = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ] as const
  const [unit, name] = units.find(([each]) => size >= each) ?? [1000, 's']
  const text = `${Math.round(size / unit)} ${name}`
  return ms > 0 ? `in ${text}` : `${text} ago`
}

const axisTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const axisDay = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })

/** Marks of a time axis, given in seconds: hours, and the day wherever another one begins. */
export function axisTimes(times: readonly number[]): string[] {
  const step = (times[1] ?? 0) - (times[0] ?? 0)
  return times.map((seconds, at) => {
    const date = new Date(seconds * 1000)
    const before = at === 0 ? null : new Date((times[at - 1] ?? 0) * 1000)
    const day = axisDay.format(date)
    if (step >= 86_400) return day
    const isNewDay = before === null ? false : before.toDateString() !== date.toDateString()
    return isNewDay ? `${axisTime.format(date)}\n${day}` : axisTime.format(date)
  })
}
