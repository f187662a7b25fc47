import type { Usage } from './chat.ts'
import type { GatewayError } from './errors.ts'
import type { Principal } from './principal.ts'

/** One try at one target. Times are monotonic milliseconds. */
export interface Attempt {
  readonly provider: string
  readonly model: string
  /** The provider key's name; null where no credential is sent. */
  readonly key: string | null
  readonly startedMs: number
  headMs: number | null
  endedMs: number | null
  status: number | null
  error: GatewayError | null
}

/** What a call has to do with a job: it hands one in, asks for one, or is one being done. */
export interface CallJob {
  readonly step: 'submit' | 'poll' | 'run'
  /** Null while a submit has none yet. */
  readonly id: string | null
  /** Of a run: the how manieth, and what became of it. */
  readonly attempt?: number
  readonly outcome?: JobOutcome
}

/**
 * How a run of a job went: its end was stored; it was handed back to be run again; it was no longer ours (`lost`), or
 * cancelled; or the process ended before the store took the result (`unstored`).
 */
export type JobOutcome = 'completed' | 'failed' | 'handed_back' | 'lost' | 'cancelled' | 'unstored'

/** One unit of work, from the first header to its record. Whatever happens, it is settled once. */
export interface Call {
  /** Ours, a UUIDv7: ledger, log and settlement know the call by it alone. */
  readonly id: string
  /** The caller's own label where it sent one, else `id`: neither unique nor trusted. */
  readonly requestId: string
  readonly surface: 'openai' | 'azure'
  /** The route's template, such as `/v1/chat/completions`. */
  readonly route: string
  /** Epoch milliseconds. */
  readonly startedAt: number
  readonly startedMs: number
  principal: Principal | null
  /** The model as the caller asked for it. */
  asked: string | null
  stream: boolean
  /** Labels the caller gave by `x-bf-dim-<name>`. */
  dimensions: Readonly<Record<string, string>> | null
  readonly attempts: Attempt[]
  /** Which of the fallbacks was asked last, from 1; 0: none. */
  fallback: number
  /** Null for an ordinary call, answered while its caller waits. */
  job: CallJob | null
  /** Known once the provider told, or guessed when it did not. */
  usage: Usage | null
  /** Monotonic time of the first event that carried something. */
  firstTokenMs: number | null
  bytesIn: number
  bytesOut: number
  /** The status the caller saw, or would have seen once a stream's head was out. */
  status: number
  error: GatewayError | null
}
