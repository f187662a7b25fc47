export const callKinds = ['plain', 'stream', 'job', 'submit', 'poll'] as const
/** `job` is the run of one, `submit` and `poll` are what callers ask about one. */
export type CallKind = (typeof callKinds)[number]

/** A settled call as lists show it. Names are as they were; an empty one: there is none. */
export interface LoggedCall {
  /** A UUIDv7: calls are in the order of their ids, which is that of their beginnings. */
  readonly id: string
  /** The caller's own name for it; empty where it gave none. */
  readonly label: string
  readonly kind: CallKind
  readonly status: number
  /** The error's code. */
  readonly error: string
  readonly message: string
  readonly key: string
  readonly team: string
  readonly customer: string
  /** The model as it was asked for. */
  readonly route: string
  /** Of the last attempt. */
  readonly provider: string
  readonly model: string
  readonly agent: string
  readonly durationMs: number
  readonly firstTokenMs: number | null
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens: number
  readonly reasoningTokens: number
  /** Null: there was no price, or nothing to pay for. */
  readonly costNanos: number | null
  readonly attempts: number
  readonly fallback: number
  readonly hedged: boolean
  readonly dimensions: Readonly<Record<string, string>>
}

export interface LogEntry extends LoggedCall {
  /** Everything that is known of it, as a line of JSON. */
  readonly text: string
}
