import type { Attempt, Call } from '../core/call.ts'
import type { Usage } from '../core/chat.ts'
import { nanosPerDollar } from '../core/money.ts'
import type { Redactor } from '../core/redactor.ts'
import type { CallTrace } from '../core/trace.ts'
import type { AttributeValue, Span } from '../sinks/span.ts'
import type { CallRecord } from './records.ts'
import { type NamesVersion, names, operationName, providerNameOf } from './span-names.ts'

/** What a span tells of a provider besides its name. */
export interface ProviderPlace {
  readonly type: string
  /** Null: it is called over no network. */
  readonly address: string | null
  readonly port: number | null
}

export interface SpanRules {
  readonly version: NamesVersion
  readonly redact: Redactor
  /** By the provider's name; null where there is none of it any more. */
  readonly placeOf: (provider: string) => ProviderPlace | null
}

type Given = Readonly<Record<string, AttributeValue | null | undefined | false>>
type OwnTrace = CallTrace & { readonly spanId: string }

/** A settled call as spans: its own, and one below it for each attempt. Nothing that was said is in them. */
export function spansOf(call: Call, record: CallRecord, rules: SpanRules): readonly Span[] {
  const { trace } = call
  if (!trace || trace.spanId === null || !trace.sampled) return []
  const own: OwnTrace = { ...trace, spanId: trace.spanId }
  const shared = sharedAttributes(call, own, record, rules)
  return [
    callSpan(call, own, record, shared, rules),
    ...call.attempts.flatMap((_, at) => attemptSpan(call, own, record, at, shared, rules)),
  ]
}

/** By which both kinds of span are searched. */
function sharedAttributes(
  call: Call,
  { request }: OwnTrace,
  { dimensions }: CallRecord,
  { redact }: SpanRules,
): Given {
  const shared: Record<string, AttributeValue | null> = {
    [names.keyName]: call.principal?.name ?? null,
    [names.conversation]: request?.session ? redact(request.session) : null,
  }
  // The record's are those without secrets.
  for (const [name, text] of Object.entries(dimensions ?? {})) shared[names.dimension + name] = text
  return shared
}

function callSpan(
  call: Call,
  trace: OwnTrace,
  record: CallRecord,
  shared: Given,
  { redact }: SpanRules,
): Span {
  const { job, route } = call
  const isRun = job?.step === 'run'
  const method = route.endsWith('/{id}') ? 'GET' : 'POST'
  const http: Given = isRun
    ? {}
    : {
        [names.httpMethod]: method,
        [names.httpStatus]: call.status,
        [names.userAgent]: record.user_agent,
        [names.clientAddress]: record.client_address,
      }
  return {
    ...placed(trace),
    spanId: trace.spanId,
    parentId: trace.parentId,
    hasRemoteParent: trace.parentId !== null,
    links: trace.submit ? [trace.submit] : [],
    name: isRun ? `run ${route}` : `${method} ${route}`,
    kind: isRun ? 'consumer' : 'server',
    startedAt: call.startedAt,
    endedAt: call.startedAt + record.duration_ms,
    isError: call.status >= 500,
    attributes: present({
      ...http,
      [names.httpRoute]: route,
      [names.callId]: call.id,
      [names.requestId]: call.requestId !== call.id && record.request,
      [names.model]: call.asked !== null && redact(call.asked),
      [names.attempts]: call.attempts.length > 0 && call.attempts.length,
      [names.cost]: dollars(costOf(call.attempts)),
      [names.errorType]: call.error?.code,
      [names.jobId]: job?.id,
      [names.jobStep]: job?.step,
      [names.jobAttempt]: job?.attempt,
      [names.jobOutcome]: job?.outcome,
      ...shared,
    }),
  }
}

function attemptSpan(
  call: Call,
  trace: OwnTrace,
  { duration_ms }: CallRecord,
  at: number,
  shared: Given,
  rules: SpanRules,
): readonly Span[] {
  const attempt = call.attempts[at] as Attempt
  if (attempt.spanId === null) return []
  const { redact } = rules
  const isLast = at === call.attempts.length - 1
  // Measured from the call's start: a wall clock may jump in between.
  const epoch = (ms: number): number => call.startedAt + (ms - call.startedMs)
  return [
    {
      ...placed(trace),
      spanId: attempt.spanId,
      parentId: trace.spanId,
      hasRemoteParent: false,
      links: [],
      name: `${operationName} ${redact(attempt.model)}`,
      kind: 'client',
      startedAt: epoch(attempt.startedMs),
      endedAt: epoch(attempt.endedMs ?? call.startedMs + duration_ms),
      isError: attempt.error !== null && !nobodysFault.has(attempt.error.code),
      attributes: present({
        ...requestAttributes(call, trace, attempt, rules),
        ...(isLast && replyAttributes(call, trace, attempt, rules)),
        ...usageAttributes(attempt.usage),
        [names.httpStatus]: attempt.status,
        [names.errorType]: attempt.error?.code,
        [names.attempt]: at + 1,
        [names.attemptRole]: attempt.role,
        [names.fallbackFrom]: fallbackFrom(call.attempts, at, redact),
        [names.providerName]: attempt.provider,
        [names.providerKey]: attempt.key,
        [names.cost]: dollars(attempt.costNanos),
        ...shared,
      }),
    },
  ]
}

/** The caller left, or another attempt was quicker. */
const nobodysFault: ReadonlySet<string> = new Set(['client_closed', 'outrun'])

function requestAttributes(
  call: Call,
  { request }: OwnTrace,
  { provider, model }: Attempt,
  { version, redact, placeOf }: SpanRules,
): Given {
  const place = placeOf(provider)
  const name = place && providerNameOf(place.type, provider)
  return {
    [names.operation]: operationName,
    [names.provider]: name,
    [names.system]: version === 'both' && name,
    [names.serverAddress]: place?.address,
    [names.serverPort]: place?.port,
    [names.requestModel]: redact(model),
    [names.requestStream]: call.stream ? true : null,
    [names.requestMaxTokens]: request?.maxTokens,
    [names.requestTemperature]: request?.temperature,
    [names.requestTopP]: request?.topP,
    [names.requestSeed]: request?.seed,
    [names.requestChoices]: request && request.choices > 1 ? request.choices : null,
    [names.requestStop]: request?.stop?.map(redact),
  }
}

/** The last attempt is the one that answered, where one did. */
function replyAttributes(
  { stream, firstTokenMs }: Call,
  { reply }: OwnTrace,
  { startedMs }: Attempt,
  { redact }: SpanRules,
): Given {
  const hasToken = stream && firstTokenMs !== null
  return {
    [names.responseId]: reply?.id && redact(reply.id),
    [names.responseModel]: reply?.model && redact(reply.model),
    [names.finishReasons]: reply && reply.finishReasons.length > 0 ? reply.finishReasons : null,
    [names.timeToFirstChunk]: hasToken ? Math.max(0, firstTokenMs - startedMs) / 1000 : null,
  }
}

function usageAttributes(usage: Usage | null): Given {
  if (!usage) return {}
  return {
    [names.inputTokens]: usage.inputTokens,
    [names.outputTokens]: usage.outputTokens,
    [names.cacheReadTokens]: usage.cachedInputTokens || null,
    [names.cacheWriteTokens]: usage.cacheWriteTokens || null,
    [names.reasoningTokens]: usage.reasoningTokens || null,
    [names.estimated]: usage.estimated ? true : null,
  }
}

/** Which target was asked before, where it was another one. */
function fallbackFrom(attempts: readonly Attempt[], at: number, redact: Redactor): string | null {
  const attempt = attempts[at]
  const before = attempts
    .filter(({ startedMs, role }) => role !== 'hedge' && startedMs < (attempt?.startedMs ?? 0))
    .toSorted((a, b) => a.startedMs - b.startedMs)
    .at(-1)
  if (!attempt || !before || attempt.role === 'hedge') return null
  const isSame = before.provider === attempt.provider && before.model === attempt.model
  return isSame ? null : redact(`${before.provider}/${before.model}`)
}

const placed = ({ traceId, state }: OwnTrace) => ({ traceId, state })

function costOf(attempts: readonly Attempt[]): number | null {
  let nanos: number | null = null
  for (const { costNanos } of attempts) if (costNanos !== null) nanos = (nanos ?? 0) + costNanos
  return nanos
}

const dollars = (nanos: number | null): number | null =>
  nanos === null ? null : nanos / nanosPerDollar

/** Without what there is not. A text that is empty tells nothing either. */
function present(given: Given): Span['attributes'] {
  const attributes: Record<string, AttributeValue> = {}
  for (const [name, value] of Object.entries(given))
    if (value !== null && value !== undefined && value !== false && value !== '')
      attributes[name] = value
  return attributes
}
