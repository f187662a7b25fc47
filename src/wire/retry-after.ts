import type { Headers } from '../core/dialect.ts'

const dayMs = 24 * 60 * 60 * 1000

/**
 * How long a provider asks to wait, in milliseconds. First hit wins: `retry-after-ms`, `x-ms-retry-after-ms`,
 * `retry-after` in seconds, `retry-after` as a date, measured by the provider's own `date` where it gives one.
 * What is negative, past, over a day or unreadable counts as not given.
 */
export function readRetryAfter(headers: Headers, now: number): number | undefined {
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms']) {
    const ms = numeric(headers[name])
    if (isSane(ms)) return Math.ceil(ms)
  }
  const value = headers['retry-after']
  const seconds = numeric(value)
  if (isSane(seconds * 1000)) return Math.ceil(seconds * 1000)
  if (typeof value !== 'string' || !/[a-z]/i.test(value)) return undefined
  const sent = typeof headers['date'] === 'string' ? Date.parse(headers['date']) : Number.NaN
  const wait = Date.parse(value) - (Number.isNaN(sent) ? now : sent)
  return isSane(wait) ? wait : undefined
}

const numeric = (value: unknown): number =>
  typeof value === 'string' && /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : Number.NaN

const isSane = (ms: number): boolean => ms > 0 && ms <= dayMs
