/** Where a call stands in a trace. Ids are lower-case hex, as W3C Trace Context has them. */
export interface CallTrace {
  readonly traceId: string
  /** The caller's span; null: the trace begins here. */
  readonly parentId: string | null
  /** The call's own; null: tracing is off, and nothing of the trace goes on from here. */
  readonly spanId: string | null
  readonly sampled: boolean
  /** The caller's `tracestate`; empty: none. */
  readonly state: string
  /** Of a job's run: the span of the call that handed it in. */
  submit: SpanPlace | null
  request: TracedRequest | null
  reply: TracedReply | null
}

/** A span somewhere else. */
export interface SpanPlace {
  readonly traceId: string
  readonly spanId: string
}

/** What a request asks for besides its messages; null: it does not say. */
export interface TracedRequest {
  readonly maxTokens: number | null
  readonly temperature: number | null
  readonly topP: number | null
  readonly seed: number | null
  readonly choices: number
  readonly stop: readonly string[] | null
  readonly session: string | null
}

/** What an answer says of itself. */
export interface TracedReply {
  id: string | null
  model: string | null
  /** One for each choice that has ended. */
  finishReasons: string[]
}
