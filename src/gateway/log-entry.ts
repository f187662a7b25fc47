import type { Call } from '../core/call.ts'
import type { CallRecord } from '../observability/records.ts'
import type { CallKind, LoggedCall } from '../store/logged-call.ts'
import type { RawBody } from '../store/request-log.ts'
import { encodeError } from '../wire/openai-chat/error.ts'
import { shortenMedia } from '../wire/shorten-media.ts'

const nobody: Readonly<Record<string, string>> = {}
const namesAtMost = 256

/** A settled call as the log lists it. */
export function loggedCallOf(record: CallRecord, call: Call): LoggedCall {
  const { attempts, usage } = call
  return {
    id: call.id,
    label: record.request === call.id ? '' : record.request,
    kind: kindOf(call),
    status: call.status,
    error: record.error ?? '',
    message: record.detail === undefined ? '' : firstLine(record.detail),
    key: call.principal?.name ?? '',
    team: record.team ?? '',
    customer: record.customer ?? '',
    // Whatever it was, it is what somebody asked for: as long as they liked.
    route: short(record.model ?? ''),
    provider: record.provider ?? '',
    model: short(record.upstream_model ?? ''),
    agent: record.user_agent ?? '',
    durationMs: record.duration_ms,
    firstTokenMs: record.first_token_ms ?? null,
    inputTokens: usage?.inputTokens ?? 0,
    outputTokens: usage?.outputTokens ?? 0,
    cachedInputTokens: usage?.cachedInputTokens ?? 0,
    reasoningTokens: usage?.reasoningTokens ?? 0,
    costNanos: costOf(call),
    attempts: attempts.length,
    fallback: call.fallback,
    hedged: attempts.length > 1 && attempts.some(({ role }) => role === 'hedge'),
    dimensions: record.dimensions ?? nobody,
  }
}

function kindOf({ job, stream }: Call): CallKind {
  if (job === null) return stream ? 'stream' : 'plain'
  return job.step === 'run' ? 'job' : job.step
}

function costOf({ attempts }: Call): number | null {
  let nanos: number | null = null
  for (const { costNanos } of attempts) if (costNanos !== null) nanos = (nanos ?? 0) + costNanos
  return nanos
}

/** Without the stack that a fault of ours has. */
const firstLine = (detail: string): string => short(detail.split('\n', 1)[0] ?? '')

const short = (text: string): string =>
  text.length > namesAtMost ? text.slice(0, namesAtMost) : text

/** A larger one is made shorter here, where it costs no copy. */
const passedOnBytes = 1024 * 1024

/** What was said in a call, as far as it is to be kept. */
export function bodiesOf(call: Call, maxBodyBytes: number): readonly RawBody[] {
  const { content, error } = call
  if (typeof content === 'string' || (content.errorsOnly && error === null)) return []
  const { request, reply, replyForm, replyBytes } = content
  const bodies: RawBody[] = []
  if (request)
    bodies.push({
      call: call.id,
      part: 'request',
      form: 'json',
      sizeBytes: request.length,
      ...shortened(request, maxBodyBytes),
    })
  if (reply.length > 0)
    bodies.push({
      call: call.id,
      part: 'reply',
      form: replyForm,
      sizeBytes: replyBytes,
      ...(replyForm === 'json' && reply[0]
        ? shortened(reply[0], maxBodyBytes)
        : { bytes: Buffer.concat(reply) }),
    })
  else if (error) {
    const bytes = Buffer.from(encodeError(error))
    bodies.push({ call: call.id, part: 'reply', form: 'json', sizeBytes: bytes.length, bytes })
  }
  return bodies
}

function shortened(bytes: Uint8Array, maxBodyBytes: number): Pick<RawBody, 'bytes'> {
  if (bytes.length <= passedOnBytes) return { bytes }
  const own = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return { bytes: Buffer.from(shortenMedia(own, maxBodyBytes + 4096).text) }
}
