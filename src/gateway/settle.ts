import type { Call } from '../core/call.ts'
import type { Usage } from '../core/chat.ts'
import type { Clock } from '../core/runtime.ts'
import type { Metrics } from '../observability/metrics.ts'
import { type CallRecord, recordOf } from '../observability/records.ts'

export interface SettleDeps {
  readonly clock: Clock
  readonly metrics: Metrics
  /** Takes the record for the log; never throws and never waits. */
  record(record: CallRecord): void
}

/** What a call leaves behind, once, whatever happened. Never throws. */
export function settle(
  call: Call,
  promptBytes: number,
  relayedEvents: number,
  deps: SettleDeps,
): void {
  const durationMs = deps.clock.monotonic() - call.startedMs
  call.usage ??= estimate(call, promptBytes, relayedEvents)
  deps.metrics.settled(call, durationMs)
  deps.record(recordOf(call, durationMs))
}

/**
 * A guess where the provider told nothing: about four bytes of a prompt are a token, and so is each event of a
 * stream. Null where nothing can have been used: no attempt, or one the provider refused.
 */
function estimate(call: Call, promptBytes: number, relayedEvents: number): Usage | null {
  const last = call.attempts.at(-1)
  // A refusal may also come inside a 200.
  const status = last?.error?.facts.upstreamStatus ?? last?.status ?? 0
  if (!last || (status >= 400 && relayedEvents === 0)) return null
  if (last.error?.facts.dispatched === false) return null
  return {
    inputTokens: Math.ceil(promptBytes / 4),
    outputTokens: relayedEvents,
    cachedInputTokens: 0,
    reasoningTokens: 0,
    estimated: true,
  }
}
