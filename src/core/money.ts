/**
 * Money is counted in whole nano-dollars: a billionth of a dollar, so that a million calls of 0.00005 dollars add up
 * exactly. A number holds 9 million dollars of them; nothing here may pass that.
 */
export type Nanos = number

export const nanosPerDollar = 1_000_000_000
export const mostNanos = Number.MAX_SAFE_INTEGER

/** Rounded to the nearest whole nano-dollar, half up; never beyond what can be counted exactly. */
export const nanosOf = (dollars: number): Nanos =>
  Math.min(mostNanos, Math.round(dollars * nanosPerDollar))

/** `12.000345`: all that counts, at least two digits, no exponent. */
export function dollarsText(nanos: Nanos): string {
  const sign = nanos < 0 ? '-' : ''
  const [whole, rest] = [
    Math.floor(Math.abs(nanos) / nanosPerDollar),
    Math.abs(nanos) % nanosPerDollar,
  ]
  const digits = String(rest)
    .padStart(9, '0')
    .replace(/0{1,7}$/, '')
  return `${sign}${whole}.${digits}`
}
