import type { ListOf, Page } from './list-shapes.ts'

/** A settled call as lists show it. Names are empty where there are none. */
export interface LoggedCall {
  readonly id: string
  readonly at: string
  readonly label: string
  readonly kind: 'plain' | 'stream' | 'job' | 'submit' | 'poll'
  readonly status: number
  readonly error: string
  readonly message: string
  readonly key: string
  readonly team: string
  readonly customer: string
  readonly route: string
  readonly provider: string
  readonly model: string
  readonly agent: string
  readonly duration_ms: number
  readonly first_token_ms: number | null
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cached_input_tokens: number
  readonly reasoning_tokens: number
  readonly cost_nanos: number | null
  readonly attempts: number
  readonly fallback: number
  readonly hedged: boolean
  readonly dimensions: Readonly<Record<string, string>>
}

export interface LogPage extends Page<LoggedCall> {
  readonly next: string | null
}

export interface LoggedAttempt {
  readonly provider: string
  readonly model: string
  readonly key?: string | null
  readonly status: number | null
  readonly error?: string | null
  readonly role?: string
  readonly started_ms?: number | null
  readonly first_byte_ms?: number | null
  readonly first_token_ms?: number | null
  readonly ended_ms?: number | null
  readonly input_tokens?: number
  readonly output_tokens?: number
  readonly estimated?: boolean
  readonly cost?: string | null
}

export interface KeptBody {
  readonly part: 'request' | 'reply'
  readonly text: string
  readonly size_bytes: number
  readonly truncated: boolean
}

export interface Quantiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

export interface CallSums {
  readonly calls: number
  readonly errors: number
  readonly limited: number
  readonly left: number
  readonly rescued: number
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cached_input_tokens: number
  readonly reasoning_tokens: number
  readonly cost_nanos: number
  readonly duration: Quantiles | null
  readonly first_token: Quantiles | null
}

export type NamedSums = CallSums & { readonly name: string }

export interface Overview {
  readonly all: CallSums
  readonly series: readonly (CallSums & { readonly at: string })[]
  readonly by: Readonly<Record<'provider' | 'model' | 'key', readonly NamedSums[]>>
  readonly complete: boolean
}

export interface Facets {
  readonly values: Readonly<
    Record<string, readonly { readonly value: string; readonly calls: number }[]>
  >
  readonly calls: number
  readonly complete: boolean
}

export type { ListOf }
