import { dollarsText } from '../../core/money.ts'
import type { LoggedCall } from '../../store/logged-call.ts'
import type { KeptBody, LogDetail, Loss } from '../../store/request-log.ts'
import type { Sums } from '../../store/request-log-adder.ts'
import { orderOf, timeOf } from '../../store/request-log-block.ts'
import { timeText } from './page.ts'

const orNull = (text: string): string | null => (text === '' ? null : text)
const dollarsOrNull = (nanos: number | null): string | null =>
  nanos === null ? null : dollarsText(nanos)

const startedAt = (id: string): string => timeText(timeOf(orderOf(id)))

export const showLogged = (call: LoggedCall) => ({
  object: 'logged_call' as const,
  id: call.id,
  request_id: call.label === '' ? call.id : call.label,
  started_at: startedAt(call.id),
  kind: call.kind,
  status: call.status,
  error: orNull(call.error),
  error_message: orNull(call.message),
  key: orNull(call.key),
  team_id: orNull(call.team),
  customer_id: orNull(call.customer),
  route: orNull(call.route),
  provider: orNull(call.provider),
  model: orNull(call.model),
  user_agent: orNull(call.agent),
  duration_ms: call.durationMs,
  first_token_ms: call.firstTokenMs,
  input_tokens: call.inputTokens,
  output_tokens: call.outputTokens,
  cached_input_tokens: call.cachedInputTokens,
  reasoning_tokens: call.reasoningTokens,
  cost_usd: dollarsOrNull(call.costNanos),
  cost_nanos: call.costNanos,
  attempts: call.attempts,
  fallback: call.fallback,
  hedged: call.hedged,
  dimensions: { ...call.dimensions },
})

export const showSums = (sums: Sums) => ({
  calls: sums.calls,
  errors: sums.errors,
  limited: sums.limited,
  left: sums.left,
  rescued: sums.rescued,
  input_tokens: sums.inputTokens,
  output_tokens: sums.outputTokens,
  cached_input_tokens: sums.cachedInputTokens,
  reasoning_tokens: sums.reasoningTokens,
  cost_usd: dollarsText(sums.costNanos),
  cost_nanos: sums.costNanos,
  duration_ms: sums.duration,
  first_token_ms: sums.firstToken,
})

export const showLoss = ({ calls, from, to, reason }: Loss) => ({
  calls,
  from: timeText(from),
  to: timeText(to),
  reason,
})

type Record = Readonly<Record_>
interface Record_ {
  readonly [name: string]: unknown
}

export function showDetail(id: string, { text, bodies }: LogDetail) {
  const record = JSON.parse(text) as Record
  const find = (part: KeptBody['part']) => {
    const body = bodies.find((each) => each.part === part)
    return body ? { text: body.text, size_bytes: body.sizeBytes, truncated: body.truncated } : null
  }
  return {
    object: 'call' as const,
    id,
    started_at: startedAt(id),
    record: { ...record, attempts: attemptsOf(record) },
    content: contentOf(record['content'], bodies.length > 0),
    request: find('request'),
    reply: find('reply'),
  }
}

/** The line of a call that went well at once tells of its only attempt by itself. */
function attemptsOf(record: Record): object[] {
  const known = record['attempts']
  if (Array.isArray(known)) return known
  if (record['provider'] === undefined) return []
  const attempt = {
    provider: record['provider'],
    model: record['upstream_model'],
    key: record['key'],
    status: record['status'],
    start_ms: record['held_ms'],
    duration_ms: record['upstream_ms'],
    connect_ms: record['connect_ms'],
    first_byte_ms: record['first_byte_ms'],
    cost: record['cost'],
  }
  return [Object.fromEntries(Object.entries(attempt).filter(([, value]) => value !== undefined))]
}

const reasons = ['private', 'only_errors', 'no_memory'] as const

function contentOf(told: unknown, isThere: boolean) {
  if (isThere) return 'kept' as const
  if (told === undefined) return 'off' as const
  return reasons.find((reason) => reason === told) ?? ('gone' as const)
}
