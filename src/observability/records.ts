import type { Attempt, Call } from '../core/call.ts'
import { dollarsText } from '../core/money.ts'
import type { Redactor } from '../core/redactor.ts'

/** One line of the log per call; what is undefined is left out of it. No prompt, no answer, no secret. */
export interface CallRecord {
  readonly call: string
  readonly request: string
  /** Of the trace it is in, whoever began it. */
  readonly trace_id: string | undefined
  readonly route: string
  readonly status: number
  readonly error: string | undefined
  readonly detail: string | undefined
  readonly principal: string
  /** Their ids. */
  readonly team: string | undefined
  readonly customer: string | undefined
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
  /** What went by before the first attempt began. */
  readonly held_ms: number | undefined
  readonly upstream_ms: number | undefined
  /** Of the last attempt: until it went out on a connection, and until the first byte came. */
  readonly connect_ms: number | undefined
  readonly first_byte_ms: number | undefined
  readonly first_token_ms: number | undefined
  readonly input_tokens: number | undefined
  readonly output_tokens: number | undefined
  readonly cached_input_tokens: number | undefined
  readonly reasoning_tokens: number | undefined
  readonly estimated: true | undefined
  /** Dollars, of all attempts; absent where none had a price. */
  readonly cost: string | undefined
  readonly bytes_in: number
  readonly bytes_out: number
  /** Parameters that were left out, since the provider has nothing of the kind. */
  readonly dropped: readonly string[] | undefined
  readonly user_agent: string | undefined
  /** How often the client had tried before. */
  readonly client_retry: number | undefined
  readonly client_address: string | undefined
  /** Whether what was said is kept, or why not; absent: nothing of the kind is. */
  readonly content: 'kept' | 'private' | 'only_errors' | 'no_memory' | undefined
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
  readonly cost?: string
  /** Since the call began, and what it took; of these until it went out, and until the first byte came. */
  readonly start_ms: number
  readonly duration_ms?: number
  readonly connect_ms?: number
  readonly first_byte_ms?: number
}

// One literal, the same shape for every call: spreading optional parts together was measured at several times this.
export function recordOf(call: Call, durationMs: number, redact: Redactor = asItIs): CallRecord {
  const { usage, error, attempts, job, client, dimensions } = call
  const [first, last] = [attempts[0], attempts.at(-1)]
  const tellAttempts = attempts.length > 1 || (error !== null && attempts.length > 0)
  return {
    call: call.id,
    request: call.requestId === call.id ? call.id : redact(call.requestId),
    trace_id: call.trace?.traceId,
    route: call.route,
    status: call.status,
    error: error?.code,
    detail: error ? redact(detailOf(error)) : undefined,
    principal: call.principal?.name ?? '-',
    team: call.principal?.teamId || undefined,
    customer: call.principal?.customerId || undefined,
    model: call.asked === null ? null : redact(call.asked),
    provider: last?.provider,
    upstream_model: last && redact(last.model),
    key: last?.key ?? undefined,
    fallback: call.fallback || undefined,
    attempts: tellAttempts
      ? attempts.map((attempt) => attemptOf(attempt, call, redact))
      : undefined,
    stream: call.stream,
    job: job?.id ?? undefined,
    step: job?.step,
    attempt: job?.attempt,
    outcome: job?.outcome,
    duration_ms: rounded(durationMs),
    held_ms: first && rounded(first.startedMs - call.startedMs),
    upstream_ms: last?.endedMs ? rounded(last.endedMs - last.startedMs) : undefined,
    connect_ms: last && sinceMs(last.sentMs, last.startedMs),
    first_byte_ms: last && sinceMs(last.headMs, last.startedMs),
    first_token_ms:
      call.firstTokenMs === null ? undefined : rounded(call.firstTokenMs - call.startedMs),
    input_tokens: usage?.inputTokens,
    output_tokens: usage?.outputTokens,
    cached_input_tokens: usage?.cachedInputTokens || undefined,
    reasoning_tokens: usage?.reasoningTokens || undefined,
    estimated: usage?.estimated || undefined,
    cost: costOf(attempts),
    bytes_in: call.bytesIn,
    bytes_out: call.bytesOut,
    dropped: call.dropped.length > 0 ? call.dropped : undefined,
    user_agent: client?.agent ? redact(client.agent) : undefined,
    client_retry: client?.retries || undefined,
    client_address: client?.address || undefined,
    content: whereContentIs(call),
    dimensions: dimensions ? redactAll(dimensions, redact) : undefined,
  }
}

function costOf(attempts: readonly Attempt[]): string | undefined {
  let nanos: number | null = null
  for (const { costNanos } of attempts) if (costNanos !== null) nanos = (nanos ?? 0) + costNanos
  return nanos === null ? undefined : dollarsText(nanos)
}

const attemptOf = (attempt: Attempt, call: Call, redact: Redactor): AttemptRecord => {
  const { provider, model, key, status, error, role, usage, costNanos } = attempt
  return {
    provider,
    model: redact(model),
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
    ...(costNanos !== null && { cost: dollarsText(costNanos) }),
    ...timesOf(attempt, call),
  }
}

function timesOf({ startedMs, sentMs, headMs, endedMs }: Attempt, call: Call) {
  return {
    start_ms: rounded(startedMs - call.startedMs),
    ...(endedMs !== null && { duration_ms: rounded(endedMs - startedMs) }),
    ...(sentMs !== null && { connect_ms: rounded(sentMs - startedMs) }),
    ...(headMs !== null && { first_byte_ms: rounded(headMs - startedMs) }),
  }
}

/** The cause of what went wrong inside or on the network; what a provider or a caller said stays out of the log. */
function detailOf({ facts, message, status }: NonNullable<Call['error']>): string {
  const cause = facts.cause
  if (cause instanceof Error)
    return (status >= 500 && cause.stack ? cause.stack : cause.message).slice(0, 2000)
  return facts.inItsWords ? `upstream status ${facts.upstreamStatus}` : message.slice(0, 500)
}

function whereContentIs({ content, error }: Call): CallRecord['content'] {
  if (content === 'off') return undefined
  if (content === 'private') return content
  if (content.errorsOnly && error === null) return 'only_errors'
  return content.isLost ? 'no_memory' : 'kept'
}

const redactAll = (
  texts: Readonly<Record<string, string>>,
  redact: Redactor,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [redact(name), redact(text)]))

const asItIs: Redactor = (text) => text

const sinceMs = (ms: number | null, startMs: number): number | undefined =>
  ms === null ? undefined : rounded(ms - startMs)

const rounded = (ms: number): number => Math.round(ms * 100) / 100
