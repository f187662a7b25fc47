import type { KeptBody, LogDetail } from '../../data/log-shapes.ts'

/** One try at one target. Times are since the call began. */
export interface Attempt {
  readonly provider: string
  readonly model: string
  readonly key: string | null
  readonly status: number | null
  readonly error: string | null
  readonly role: string
  readonly startMs: number
  readonly endMs: number | null
  readonly firstByteMs: number | null
}

/** What the inspector shows of a record; what it does not hold is null, so that one of an older gateway is still shown. */
export interface CallDetail {
  readonly id: string
  readonly at: string
  readonly requestId: string | null
  readonly kind: string
  readonly status: number
  readonly error: string | null
  readonly message: string | null
  readonly key: string | null
  readonly team: string | null
  readonly customer: string | null
  readonly asked: string | null
  readonly servedBy: string | null
  readonly fallback: number
  readonly job: string | null
  readonly agent: string | null
  readonly clientRetry: number
  readonly dropped: readonly string[]
  readonly durationMs: number
  readonly heldMs: number | null
  /** Of the attempt that answered; all three are since the call began. */
  readonly firstByteMs: number | null
  readonly firstTokenMs: number | null
  /** What no provider was waited for; null where two were asked at once. */
  readonly ownMs: number | null
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens: number
  readonly reasoningTokens: number
  readonly dimensions: readonly (readonly [string, string])[]
  readonly attempts: readonly Attempt[]
  readonly content: LogDetail['content']
  readonly request: KeptBody | null
  readonly reply: KeptBody | null
  readonly record: object
}

type Fields = Readonly<Record<string, unknown>>

export function readDetail({
  id,
  started_at,
  record,
  content,
  request,
  reply,
}: LogDetail): CallDetail {
  const fields: Fields = record
  const provider = textOf(fields['provider'])
  const job = textOf(fields['job'])
  const attempts = record.attempts.map((each) => attemptOf(each as Fields))
  const durationMs = numberOf(fields['duration_ms']) ?? 0
  return {
    id,
    at: started_at,
    requestId: textOf(fields['request']),
    kind:
      job === null ? (fields['stream'] === true ? 'stream' : 'plain') : `job, ${fields['step']}`,
    status: numberOf(fields['status']) ?? 0,
    error: textOf(fields['error']),
    message: textOf(fields['detail']),
    key: textOf(fields['principal']),
    team: textOf(fields['team']),
    customer: textOf(fields['customer']),
    asked: textOf(fields['model']),
    servedBy: provider === null ? null : `${provider}/${textOf(fields['upstream_model']) ?? '?'}`,
    fallback: numberOf(fields['fallback']) ?? 0,
    job,
    agent: textOf(fields['user_agent']),
    clientRetry: numberOf(fields['client_retry']) ?? 0,
    dropped: Array.isArray(fields['dropped']) ? fields['dropped'].map(String) : [],
    durationMs,
    heldMs: numberOf(fields['held_ms']),
    firstByteMs: attempts.findLast(({ error }) => error === null)?.firstByteMs ?? null,
    firstTokenMs: numberOf(fields['first_token_ms']),
    ownMs: ownPart(durationMs, attempts),
    inputTokens: numberOf(fields['input_tokens']) ?? 0,
    outputTokens: numberOf(fields['output_tokens']) ?? 0,
    cachedInputTokens: numberOf(fields['cached_input_tokens']) ?? 0,
    reasoningTokens: numberOf(fields['reasoning_tokens']) ?? 0,
    dimensions: Object.entries((fields['dimensions'] ?? {}) as Record<string, string>),
    attempts,
    content,
    request,
    reply,
    record,
  }
}

function ownPart(durationMs: number, attempts: readonly Attempt[]): number | null {
  if (attempts.some(({ role, endMs }) => role === 'hedge' || endMs === null)) return null
  const askedMs = attempts.reduce((sum, { startMs, endMs }) => sum + (endMs ?? 0) - startMs, 0)
  return Math.max(0, durationMs - askedMs)
}

function attemptOf(fields: Fields): Attempt {
  const startMs = numberOf(fields['start_ms']) ?? 0
  const since = (value: unknown): number | null => {
    const ms = numberOf(value)
    return ms === null ? null : startMs + ms
  }
  return {
    provider: textOf(fields['provider']) ?? '?',
    model: textOf(fields['model']) ?? '?',
    key: textOf(fields['key']),
    status: numberOf(fields['status']),
    error: textOf(fields['error']),
    role: textOf(fields['role']) ?? 'first',
    startMs,
    endMs: since(fields['duration_ms']),
    firstByteMs: since(fields['first_byte_ms']),
  }
}

const textOf = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null
const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null)
