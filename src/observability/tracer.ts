import type { Call } from '../core/call.ts'
import type { Runtime } from '../core/runtime.ts'
import type { CallTrace } from '../core/trace.ts'
import type { Span } from '../sinks/span.ts'
import { type SpanRules, spansOf } from './call-spans.ts'
import type { CallRecord } from './records.ts'
import type { Sampler } from './sampler.ts'
import { heardOf, readParent, spanIdOf, traceIdOf } from './trace-context.ts'

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

export interface Tracer {
  /** Where a call that came with these headers stands; null: in no trace. */
  begin(headers: Headers): CallTrace | null
  /** Takes what a call has become; never throws and never waits. */
  settled(call: Call, record: CallRecord): void
}

export interface TracerDeps {
  readonly runtime: Pick<Runtime, 'randomId'>
  readonly sampler: Sampler
  readonly rules: SpanRules
  readonly add: (spans: readonly Span[]) => void
}

/** Only the caller's trace is known, for the log; nothing is made of it. */
export const noTracer: Tracer = {
  begin({ traceparent, tracestate }) {
    if (traceparent === undefined) return null
    const parent = readParent(traceparent, tracestate)
    return parent && heardOf(parent)
  },
  settled() {},
}

export function createTracer({ runtime, sampler, rules, add }: TracerDeps): Tracer {
  return {
    begin({ traceparent, tracestate }) {
      const parent = readParent(traceparent, tracestate)
      const traceId = parent?.traceId ?? traceIdOf(runtime.randomId())
      return {
        traceId,
        parentId: parent?.spanId ?? null,
        spanId: spanIdOf(runtime.randomId()),
        sampled: sampler(traceId, parent?.sampled ?? null),
        state: parent?.state ?? '',
        submit: null,
        request: null,
        reply: null,
      }
    },
    settled(call, record) {
      if (call.trace?.sampled) add(spansOf(call, record, rules))
    },
  }
}
