import type { Attempt, Call } from '../core/call.ts'

/** One line of the log per call. No prompt, no answer, no secret. */
export interface CallRecord {
  readonly call: string
  readonly request: string
  readonly route: string
  readonly status: number
  readonly error?: string
  readonly detail?: string
  readonly principal: string
  readonly model: string | null
  readonly provider?: string
  readonly upstream_model?: string
  readonly key?: string
  readonly attempts?: readonly AttemptRecord[]
  readonly stream: boolean
  readonly duration_ms: number
  readonly upstream_ms?: number
  readonly first_token_ms?: number
  readonly input_tokens?: number
  readonly output_tokens?: number
  readonly cached_input_tokens?: number
  readonly reasoning_tokens?: number
  readonly estimated?: true
  readonly bytes_in: number
  readonly bytes_out: number
  readonly dimensions?: Readonly<Record<string, string>>
}
interface AttemptRecord {
  readonly provider: string
  readonly model: string
  readonly status: number | null
  readonly error?: string
}

export function recordOf(call: Call, durationMs: number): CallRecord {
  const last = call.attempts.at(-1)
  const { usage, error } = call
  return {
    call: call.id,
    request: call.requestId,
    route: call.route,
    status: call.status,
    ...(error && { error: error.code, detail: detailOf(error) }),
    principal: call.principal?.name ?? '-',
    model: call.asked,
    ...(last && { provider: last.provider, upstream_model: last.model }),
    ...(last?.key && { key: last.key }),
    ...((call.attempts.length > 1 || error) &&
      call.attempts.length > 0 && { attempts: call.attempts.map(attemptOf) }),
    stream: call.stream,
    duration_ms: rounded(durationMs),
    ...(last?.endedMs && { upstream_ms: rounded(last.endedMs - last.startedMs) }),
    ...(call.firstTokenMs !== null && {
      first_token_ms: rounded(call.firstTokenMs - call.startedMs),
    }),
    ...(usage && {
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      ...(usage.cachedInputTokens > 0 && { cached_input_tokens: usage.cachedInputTokens }),
      ...(usage.reasoningTokens > 0 && { reasoning_tokens: usage.reasoningTokens }),
      ...(usage.estimated && { estimated: true as const }),
    }),
    bytes_in: call.bytesIn,
    bytes_out: call.bytesOut,
    ...(call.dimensions && { dimensions: call.dimensions }),
  }
}

const attemptOf = ({ provider, model, status, error }: Attempt): AttemptRecord => ({
  provider,
  model,
  status,
  ...(error && { error: error.code }),
})

/** The cause of what went wrong inside or on the network; what a provider or a caller said stays out of the log. */
function detailOf({ facts, message, status }: NonNullable<Call['error']>): string {
  const cause = facts.cause
  if (cause instanceof Error)
    return (status >= 500 && cause.stack ? cause.stack : cause.message).slice(0, 2000)
  return facts.inItsWords ? `upstream status ${facts.upstreamStatus}` : message.slice(0, 500)
}

const rounded = (ms: number): number => Math.round(ms * 100) / 100
