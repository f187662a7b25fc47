import type { ShownLimits } from '../core/allowance.ts'
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
  if (call.limits) pushLimits(headers, call.limits)
  if (call.dropped.length > 0)
    headers.push('x-sluice-dropped-params', asHeader(call.dropped.join(', ')))
  for (const name in upstream) {
    // Most are told apart by their first letter.
    const first = name.charCodeAt(0)
    const shown =
      first === 120 && name.startsWith('x-ratelimit-')
        ? name.slice(2)
        : first === 97
          ? anthropicLimit(name)
          : null
    const value = shown && upstream[name]
    if (typeof value === 'string') headers.push(`x-sluice-upstream-${shown}`, value)
  }
  return headers
}

/** The caller's own limits, under the names and in the words of OpenAI's. */
function pushLimits(headers: string[], limits: ShownLimits): void {
  for (const kind of ['requests', 'tokens'] as const) {
    const state = limits[kind]
    if (!state) continue
    headers.push(
      `x-ratelimit-limit-${kind}`,
      String(state.limit),
      `x-ratelimit-remaining-${kind}`,
      String(state.remaining),
      `x-ratelimit-reset-${kind}`,
      durationText(state.resetMs),
    )
  }
}

/** As OpenAI writes them: `6m0s`, `1h2m3s`, `1.5s`, `12ms`. */
export function durationText(ms: number): string {
  const whole = Math.ceil(ms)
  if (whole < 1000) return `${whole}ms`
  const seconds = (whole % 60_000) / 1000
  const minutes = Math.floor(whole / 60_000) % 60
  const hours = Math.floor(whole / 3_600_000)
  const tail = `${seconds}s`
  if (hours > 0) return `${hours}h${minutes}m${tail}`
  return minutes > 0 ? `${minutes}m${tail}` : tail
}

/** `anthropic-ratelimit-input-tokens-remaining` in the order of words that OpenAI's have; null for any other. */
function anthropicLimit(name: string): string | null {
  const [, kind, side] = /^anthropic-ratelimit-(.+)-(limit|remaining|reset)$/.exec(name) ?? []
  return kind === undefined ? null : `ratelimit-${side}-${kind}`
}

/** Model names come from bodies: a header carries printable ASCII only. */
const asHeader = (text: string): string =>
  plain.test(text) ? text : text.replace(/[^\x20-\x7e]/g, '?').slice(0, 256)
const plain = /^[\x20-\x7e]{1,256}$/
