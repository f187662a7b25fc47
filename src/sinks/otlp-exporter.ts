import type { Span } from './span.ts'

export interface OtlpSettings {
  /** Where traces are posted to. */
  readonly url: string
  /** May be credentials. */
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly resource: Readonly<Record<string, string>>
  readonly version: string
}

export interface OtlpExporter {
  /** Rejects with an Error that says in a few words, without an address or a header, why they did not arrive. */
  send(spans: readonly Span[]): Promise<void>
  close(): void
}

type Exporter = InstanceType<Package['OTLPTraceExporter']>
type Package = typeof import('@opentelemetry/exporter-trace-otlp-http')
type ReadableSpan = Parameters<Exporter['export']>[0][number]

/** Loads the package, which is needed only where traces are on; rejects where it cannot be. */
export async function openOtlpExporter(settings: OtlpSettings): Promise<OtlpExporter> {
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http')
  const { url, headers, timeoutMs } = settings
  const exporter = new OTLPTraceExporter({ url, headers, timeoutMillis: timeoutMs })
  const read = createReader(settings)
  return {
    send: (spans) =>
      new Promise((resolve, reject) => {
        exporter.export(spans.map(read), ({ code, error }) => {
          if (code === 0) resolve()
          else reject(new Error(reasonOf(error)))
        })
      }),
    close: () => void exporter.shutdown().catch(() => {}),
  }
}

/** What the error itself says may hold what the collector said, or where it is. */
function reasonOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null | undefined)?.code
  if (typeof code === 'number') return `the collector answered with status ${code}`
  return typeof code === 'string' && /^[A-Z0-9_]+$/.test(code)
    ? `the collector cannot be reached (${code})`
    : 'the collector did not take them'
}

const kinds = { server: 1, client: 2, consumer: 4 } as const
const error = 2
const sampledFlag = 1

/** Spans as the exporter reads them. One resource and one scope for all: it groups them by identity. */
function createReader({ resource, version }: OtlpSettings): (span: Span) => ReadableSpan {
  const shared = {
    resource: { attributes: resource } as ReadableSpan['resource'],
    instrumentationScope: { name: 'sluice', version },
    events: [],
    ended: true,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
  return (span) => {
    const { traceId, spanId, parentId, hasRemoteParent, state, links } = span
    const context = {
      ...{ traceId, spanId, traceFlags: sampledFlag },
      ...(state !== '' && { traceState: stateOf(state) }),
    }
    return {
      ...shared,
      name: span.name,
      kind: kinds[span.kind],
      spanContext: () => context,
      ...(parentId !== null && {
        parentSpanContext: {
          ...{ traceId, spanId: parentId, traceFlags: sampledFlag },
          isRemote: hasRemoteParent,
        },
      }),
      startTime: hrTimeOf(span.startedAt),
      endTime: hrTimeOf(span.endedAt),
      duration: hrTimeOf(span.endedAt - span.startedAt),
      status: { code: span.isError ? error : 0 },
      attributes: span.attributes as ReadableSpan['attributes'],
      links: links.map((place) => ({ context: { ...place, traceFlags: sampledFlag } })),
    }
  }
}

/** Passed through as it came: nobody here asks it for a member or changes one. */
function stateOf(text: string): NonNullable<ReturnType<ReadableSpan['spanContext']>['traceState']> {
  const state = {
    get: () => undefined,
    set: () => state,
    unset: () => state,
    serialize: () => text,
  }
  return state
}

function hrTimeOf(ms: number): [seconds: number, nanoseconds: number] {
  const nanos = Math.round((ms % 1000) * 1e6)
  const seconds = Math.floor(ms / 1000)
  return nanos >= 1e9 ? [seconds + 1, 0] : [seconds, nanos]
}
