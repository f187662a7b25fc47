import type { Call } from '../core/call.ts'
import type { Headers } from '../core/dialect.ts'

/**
 * What the gateway knows about a call, for the caller: bodies stay as the provider wrote them. Names and values in
 * turn, the form that costs Node's `writeHead` least.
 */
export function replyHeaders(call: Call, upstream: Headers, nowMs: number): string[] {
  const headers = [
    'x-request-id',
    call.requestId,
    'x-sluice-call-id',
    call.id,
    'x-sluice-attempts',
    String(call.attempts.length),
    'openai-processing-ms',
    String(Math.round(nowMs - call.startedMs)),
  ]
  const last = call.attempts.at(-1)
  if (last) headers.push('x-sluice-provider', last.provider, 'x-sluice-model', asHeader(last.model))
  if (call.fallback > 0) headers.push('x-sluice-fallback-index', String(call.fallback))
  for (const name in upstream) {
    // Most are told apart by their first letter, an x.
    if (name.charCodeAt(0) !== 120 || !name.startsWith('x-ratelimit-')) continue
    const value = upstream[name]
    if (typeof value === 'string') headers.push(`x-sluice-upstream-${name.slice(2)}`, value)
  }
  return headers
}

/** Model names come from bodies: a header carries printable ASCII only. */
const asHeader = (text: string): string =>
  plain.test(text) ? text : text.replace(/[^\x20-\x7e]/g, '?').slice(0, 256)
const plain = /^[\x20-\x7e]{1,256}$/
