import type { BudgetWindow, ShownLimits } from './allowance.ts'
import type { Usage } from './chat.ts'
import type { GatewayError } from './errors.ts'
import type { Nanos } from './money.ts'
import type { Price } from './price.ts'
import type { Principal } from './principal.ts'
import type { CallTrace } from './trace.ts'

/** One try at one target. Times are monotonic milliseconds. */
export interface Attempt {
  /** `hedge`: beside another that was late; `repeat`: after one that failed, wherever it went. */
  readonly role: 'first' | 'repeat' | 'hedge'
  readonly provider: string
  readonly model: string
  /** The provider key's name; null where no credential is sent. */
  readonly key: string | null
  readonly startedMs: number
  /** When it went out on a connection; null: it never did, or nobody told. */
  sentMs: number | null
  headMs: number | null
  endedMs: number | null
  status: number | null
  error: GatewayError | null
  /** Its span, the parent of what the provider makes of it; null: it has none. */
  readonly spanId: string | null
  /** What it was let go with; null: nothing was held for it. */
  readonly hold: AttemptHold | null
  /** What it cost; null until the call is settled, and where there is no price for it. */
  costNanos: Nanos | null
  /** What it used, told or guessed; null until the call is settled, and where nothing can have been used. */
  usage: Usage | null
}

/** Money, slots and a note on disk that are held for an attempt. */
export interface AttemptHold {
  /** Of the attempt in the ledger: the call's id and a number. */
  readonly id: string
  /** By which it is reckoned; null: there is none. */
  readonly price: Price | null
  /** The budgets that pay for it. */
  readonly windows: readonly BudgetWindow[]
  /** Once: what it came to. Money and slots are free for others then. */
  settle(costNanos: Nanos, tokens: number): void
  /** It was not made after all. */
  drop(): void
  /** Once its line in the ledger is on disk. */
  close(): void
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

/** What the client says of itself, and where it is. */
export interface CallClient {
  readonly agent: string
  /** How often it has tried before, as SDKs tell; 0: this is the first time. */
  readonly retries: number
  readonly address: string
}

/** What was said in a call, where it is to be kept. */
export interface CallContent {
  readonly errorsOnly: boolean
  /** Null: it was not read. */
  request: Uint8Array | null
  readonly reply: Uint8Array[]
  /** `events`: a stream as it was sent. */
  replyForm: 'json' | 'events'
  /** All that there was of it; `reply` may be a part. */
  replyBytes: number
  /** There was no memory left to keep it. */
  isLost: boolean
}

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
  readonly client: CallClient | null
  /** Null: it is in no trace. */
  readonly trace: CallTrace | null
  principal: Principal | null
  /** The model as the caller asked for it. */
  asked: string | null
  stream: boolean
  /** Labels the caller gave by `x-bf-dim-<name>`. */
  dimensions: Readonly<Record<string, string>> | null
  /** Gives back what its caller's limits counted for it, and sets the tokens right; null: nothing was counted. */
  release: ((usedTokens: number) => void) | null
  /** How its caller's limits stood; null: there are none. */
  limits: ShownLimits | null
  /** How many attempts were let go. */
  holds: number
  /** In the order in which they began, but that the one which answered is the last. */
  readonly attempts: Attempt[]
  /** Which of the fallbacks was asked last, from 1; 0: none. */
  fallback: number
  /** Parameters that the last attempt left out, since its provider has nothing of the kind. */
  dropped: readonly string[]
  /** `off`: nothing of the kind is kept; `private`: not of this caller. */
  content: CallContent | 'off' | 'private'
  /** Null for an ordinary call, answered while its caller waits. */
  job: CallJob | null
  /** What the answer used: known once the provider told, or guessed when it did not. The attempts tell what all used. */
  usage: Usage | null
  /** Monotonic time of the first event that carried something. */
  firstTokenMs: number | null
  bytesIn: number
  bytesOut: number
  /** The status the caller saw, or would have seen once a stream's head was out. */
  status: number
  error: GatewayError | null
}

type Opened =
  | 'id'
  | 'requestId'
  | 'surface'
  | 'route'
  | 'startedAt'
  | 'startedMs'
  | 'client'
  | 'trace'

/** A call of which nothing is known yet but where it came from. One literal: every call has the same shape. */
export function newCall(opened: Pick<Call, Opened>): Call {
  return {
    id: opened.id,
    requestId: opened.requestId,
    surface: opened.surface,
    route: opened.route,
    startedAt: opened.startedAt,
    startedMs: opened.startedMs,
    client: opened.client,
    trace: opened.trace,
    principal: null,
    asked: null,
    stream: false,
    dimensions: null,
    release: null,
    limits: null,
    holds: 0,
    attempts: [],
    fallback: 0,
    dropped: [],
    content: 'off',
    job: null,
    usage: null,
    firstTokenMs: null,
    bytesIn: 0,
    bytesOut: 0,
    status: 200,
    error: null,
  }
}
