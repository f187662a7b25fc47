import type { Nanos } from './money.ts'

/** So many of something in a window. */
export interface Rate {
  readonly amount: number
  readonly windowMs: number
  /** Aligned to the clock (UTC) and counted from nothing with each window; absent: evenly refilled, as GCRA does. */
  readonly calendar?: CalendarUnit
}

export type CalendarUnit = 'minute' | 'hour' | 'day' | 'week' | 'month'

export interface Limits {
  readonly requests: Rate | null
  readonly tokens: Rate | null
  /** Calls under way at the same time. */
  readonly concurrency: number | null
}

export interface Budget {
  readonly limitNanos: Nanos
  /** Windows follow each other from the epoch on, or with the calendar (UTC). */
  readonly window: { readonly periodMs: number } | { readonly calendar: CalendarUnit }
  /** What a call without a token limit is assumed to write at most. */
  readonly assumeOutputTokens: number
  readonly unpriced: 'refuse' | 'allow'
  /** Refuse instead of waiting for nothing: every call is checked against the store. */
  readonly strict: boolean
}

export type ScopeKind = 'key' | 'team' | 'customer' | 'provider' | 'model' | 'anonymous'

/** Whatever limits and budgets can belong to. All of a call's scopes must allow it. */
export interface Scope {
  readonly kind: ScopeKind
  /** Stable over renaming: counters belong to it. */
  readonly id: string
  /** For messages. */
  readonly name: string
  readonly limits: Limits | null
  readonly budget: Budget | null
}

/** A budget in one of its windows, as counters know it. */
export interface BudgetWindow {
  readonly scope: ScopeKind
  readonly scopeId: string
  /** Epoch ms of its beginning. */
  readonly windowAt: number
}

/** How a limit stands. */
export interface RateState {
  readonly limit: number
  readonly remaining: number
  /** Until the whole of it is there again. */
  readonly resetMs: number
}

/** Of all the limits that apply to a caller those with the least left. */
export interface ShownLimits {
  readonly requests: RateState | null
  readonly tokens: RateState | null
}
