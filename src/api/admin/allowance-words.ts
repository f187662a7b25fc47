import { compileAllowance } from '../../config/compile-allowance.ts'
import type { Budget, Limits, Rate } from '../../core/allowance.ts'
import { dollarsText, type Nanos, nanosOf, nanosPerDollar } from '../../core/money.ts'
import { invalid } from './check-fields.ts'
import type { BudgetResource, LimitsResource } from './contract-allowance.ts'

const mostUsd = 9_000_000

/** From the words of a request, checked before; absent stays absent and null is none. Throws `invalid_request`. */
export function readAllowance(given: {
  readonly limits?: LimitsResource | null
  readonly budget?: BudgetResource | null
}): { readonly limits?: Limits | null; readonly budget?: Budget | null } {
  return {
    ...(given.limits !== undefined && { limits: readLimits(given.limits) }),
    ...(given.budget !== undefined && { budget: given.budget && readBudget(given.budget) }),
  }
}

function readLimits(given: LimitsResource | null): Limits | null {
  const { requests, tokens, concurrency } = given ?? {}
  if ((requests ?? tokens ?? concurrency ?? null) === null) return null
  const raw = {
    ...(requests && { requests }),
    ...(tokens && { tokens }),
    ...(concurrency && { concurrency }),
  }
  return compileAllowance({ limits: raw }).limits
}

function readBudget({ usd, usd_nanos: nanos, ...rest }: BudgetResource): Budget | null {
  const limitNanos = typeof usd === 'string' ? nanosIn(usd) : nanosOf(usd)
  if (limitNanos < 1 || limitNanos > mostUsd * nanosPerDollar)
    throw invalid('budget.usd', `"budget.usd" must be dollars above 0, at most ${mostUsd}`)
  if (nanos !== undefined && nanos !== limitNanos)
    throw invalid('budget.usd_nanos', '"budget.usd_nanos" is not what "budget.usd" says: give one')
  const { per, assume_output_tokens = 4096, unpriced = 'refuse', strict = false } = rest
  const words = { per, assume_output_tokens, unpriced, strict }
  const { budget } = compileAllowance({ budget: { usd: 1, ...words } })
  return budget && { ...budget, limitNanos }
}

/** Exact: no number in between. */
function nanosIn(dollars: string): Nanos {
  const [units = '0', fraction = ''] = dollars.split('.')
  return Number(units) * nanosPerDollar + Number(fraction.padEnd(9, '0'))
}

export const showLimits = (limits: Limits | null): LimitsResource | null =>
  limits && {
    requests: limits.requests && showRate(limits.requests),
    tokens: limits.tokens && showRate(limits.tokens),
    concurrency: limits.concurrency,
  }

export const showBudget = (budget: Budget | null): BudgetResource | null =>
  budget && {
    usd: dollarsText(budget.limitNanos),
    usd_nanos: budget.limitNanos,
    per: showWindow(budget.window),
    assume_output_tokens: budget.assumeOutputTokens,
    unpriced: budget.unpriced,
    strict: budget.strict,
  }

const showRate = ({ amount, windowMs, calendar }: Rate): string =>
  `${amount}/${calendar ?? durationText(windowMs)}`

export const showWindow = (window: Budget['window']): string =>
  'calendar' in window ? window.calendar : durationText(window.periodMs)

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

function durationText(ms: number): string {
  const fits = units.find(([, unitMs]) => ms % unitMs === 0)
  return fits ? `${ms / fits[1]}${fits[0]}` : `${ms}ms`
}
