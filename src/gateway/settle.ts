import type { Attempt, Call } from '../core/call.ts'
import type { Usage } from '../core/chat.ts'
import type { Redactor } from '../core/redactor.ts'
import type { Clock } from '../core/runtime.ts'
import type { Metrics } from '../observability/metrics.ts'
import { type CallRecord, recordOf } from '../observability/records.ts'
import type { Tracer } from '../observability/tracer.ts'
import type { Bookkeeper } from './bookkeeper.ts'
import { letGoOfImages } from './call-images.ts'
import type { ContentCapture } from './content-capture.ts'

export interface SettleDeps {
  readonly clock: Clock
  readonly metrics: Metrics
  readonly books: Pick<Bookkeeper, 'settle'>
  /** What was said in calls, on its way into the log. */
  readonly content: ContentCapture
  readonly tracer: Tracer
  /** Takes secrets out of what callers and providers said. */
  readonly redact: () => Redactor
  /** Takes what the call leaves for the logs; never throws and never waits. */
  record(record: CallRecord, call: Call): void
}

/** What a call leaves behind, once, whatever happened. Never throws. */
export function settle(
  call: Call,
  promptTokens: () => number,
  relayedEvents: number,
  deps: SettleDeps,
): void {
  const durationMs = deps.clock.monotonic() - call.startedMs
  meter(call, promptTokens, relayedEvents)
  letGoOfImages(call)
  deps.books.settle(call)
  deps.metrics.settled(call, durationMs)
  const record = recordOf(call, durationMs, deps.redact())
  deps.record(record, call)
  deps.tracer.settled(call, record)
}

/** The last attempt is the one the caller heard of; the others have cost something as well. */
function meter(call: Call, promptTokens: () => number, relayedEvents: number): void {
  const last = call.attempts.at(-1)
  for (const attempt of call.attempts)
    if (attempt !== last) attempt.usage ??= estimate(attempt, promptTokens, 0)
  if (!last) return
  last.usage ??= call.usage ?? estimate(last, promptTokens, relayedEvents)
  call.usage = last.usage
}

/**
 * A guess where the provider told nothing: the prompt by its size, and a token for each event of a
 * stream. Null where nothing can have been used: not sent, or refused by the provider.
 */
function estimate(
  { error, status }: Attempt,
  promptTokens: () => number,
  relayedEvents: number,
): Usage | null {
  // A refusal may also come inside a 200.
  if ((error?.facts.upstreamStatus ?? status ?? 0) >= 400 && relayedEvents === 0) return null
  if (error?.facts.dispatched === false) return null
  return {
    inputTokens: promptTokens(),
    outputTokens: relayedEvents,
    cachedInputTokens: 0,
    reasoningTokens: 0,
    estimated: true,
  }
}
