import type { Attempt, Call } from '../core/call.ts'

/** One line of the log per call; what is undefined is left out of it. No prompt, no answer, no secret. */
export interface CallRecord {
  readonly call: string
  readonly request: string
  readonly route: string
  readonly status: number
  readonly error: string | undefined
  readonly detail: string | undefined
  readonly principal: string
  readonly model: string | null
  readonly provider: string | undefined
  readonly upstream_model: string | undefined
  readonly key: string | undefined
  readonly fallback: number | undefined
  readonly attempts: readonly AttemptRecord[] | undefined
  readonly stream: boolean
  /** The async job it is about, what it had to do with it, and of a run the how manieth and how it went. */
  readonly job: string | undefined
  readonly step: string | undefined
  readonly attempt: number | undefined
  readonly outcome: string | undefined
  readonly duration_ms: number
  readonly upstream_ms: number | undefined
  readonly first_token_ms: number | undefined
  readonly input_tokens: number | undefined
  readonly output_tokens: number | undefined
  readonly cached_input_tokens: number | undefined
  readonly reasoning_tokens: number | undefined
  readonly estimated: true | undefined
  readonly bytes_in: number
  readonly bytes_out: number
  readonly dimensions: Readonly<Record<string, string>> | undefined
}
interface AttemptRecord {
  readonly provider: string
  readonly model: string
  readonly key?: string
  readonly status: number | null
  readonly error?: string
  /** Absent: it was the call's first. */
  readonly role?: 'repeat' | 'hedge'
  readonly input_tokens?: number
  readonly output_tokens?: number
  readonly cached_input_tokens?: number
  readonly reasoning_tokens?: number
  readonly estimated?: true
}

// One literal, the same shape for every call: spreading optional parts together was measured at several times this.
export function recordOf(call: Call, durationMs: number): CallRecord {
  const { usage, error, attempts, job } = call
  const last = attempts.at(-1)
  const tellAttempts = attempts.length > 1 || (error !== null && attempts.length > 0)
  return {
    call: call.id,
    request: call.requestId,
    route: call.route,
    status: call.status,
    error: error?.code,
    detail: error ? detailOf(error) : undefined,
    principal: call.principal?.name ?? '-',
    model: call.asked,
    provider: last?.provider,
    upstream_model: last?.model,
    key: last?.key ?? undefined,
    fallback: call.fallback || undefined,
    attempts: tellAttempts ? attempts.map(attemptOf) : undefined,
    stream: call.stream,
    job: job?.id ?? undefined,
    step: job?.step,
    attempt: job?.attempt,
    outcome: job?.outcome,
    duration_ms: rounded(durationMs),
    upstream_ms: last?.endedMs ? rounded(last.endedMs - last.startedMs) : undefined,
    first_token_ms:
      call.firstTokenMs === null ? undefined : rounded(call.firstTokenMs - call.startedMs),
    input_tokens: usage?.inputTokens,
    output_tokens: usage?.outputTokens,
    cached_input_tokens: usage?.cachedInputTokens || undefined,
    reasoning_tokens: usage?.reasoningTokens || undefined,
    estimated: usage?.estimated || undefined,
    bytes_in: call.bytesIn,
    bytes_out: call.bytesOut,
    dimensions: call.dimensions ?? undefined,
  }
}

const attemptOf = (attempt: Attempt): AttemptRecord => {
  const { provider, model, key, status, error, role, usage } = attempt
  return {
    provider,
    model,
    ...(key !== null && { key }),
    status,
    ...(error && { error: error.code }),
    ...(role !== 'first' && { role }),
    ...(usage && {
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      ...(usage.cachedInputTokens > 0 && { cached_input_tokens: usage.cachedInputTokens }),
      ...(usage.reasoningTokens > 0 && { reasoning_tokens: usage.reasoningTokens }),
      ...(usage.estimated && { estimated: true as const }),
    }),
  }
}

/** The cause of what went wrong inside or on the network; what a provider or a caller said stays out of the log. */
function detailOf({ facts, message, status }: NonNullable<Call['error']>): string {
  const cause = facts.cause
  if (cause instanceof Error)
    return (status >= 500 && cause.stack ? cause.stack : cause.message).slice(0, 2000)
  return facts.inItsWords ? `upstream status ${facts.upstreamStatus}` : message.slice(0, 500)
}

const rounded = (ms: number): number => Math.round(ms * 100) / 100
