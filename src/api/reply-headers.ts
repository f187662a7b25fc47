import type { Call } from '../core/call.ts'
import type { Headers } from '../core/dialect.ts'

/** What the gateway knows about a call, for the caller: bodies stay as the provider wrote them. */
export function replyHeaders(call: Call, upstream: Headers, nowMs: number): Record<string, string> {
  const headers: Record<string, string> = {
    'x-request-id': call.requestId,
    'x-sluice-call-id': call.id,
    'x-sluice-attempts': String(call.attempts.length),
    'openai-processing-ms': String(Math.round(nowMs - call.startedMs)),
  }
  const last = call.attempts.at(-1)
  if (last) {
    headers['x-sluice-provider'] = last.provider
    headers['x-sluice-model'] = asHeader(last.model)
  }
  for (const name in upstream) {
    if (!name.startsWith('x-ratelimit-')) continue
    const value = upstream[name]
    if (typeof value === 'string') headers[`x-sluice-upstream-${name.slice(2)}`] = value
  }
  return headers
}

/** Model names come from bodies: a header carries printable ASCII only. */
const asHeader = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 256)
