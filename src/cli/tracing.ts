import { hostname } from 'node:os'
import type { Config, ProviderConfig } from '../config/config.ts'
import type { Redactor } from '../core/redactor.ts'
import type { Runtime } from '../core/runtime.ts'
import type { ProviderPlace } from '../observability/call-spans.ts'
import type { Metrics } from '../observability/metrics.ts'
import { createSampler } from '../observability/sampler.ts'
import { createTracer, noTracer, type Tracer } from '../observability/tracer.ts'
import type { Log } from '../sinks/log.ts'
import { type OtlpExporter, openOtlpExporter } from '../sinks/otlp-exporter.ts'
import { TraceSink } from '../sinks/trace-sink.ts'

export interface TracingParts {
  readonly config: Config
  readonly runtime: Runtime
  readonly logger: Log['logger']
  readonly metrics: Metrics
  readonly version: string
  readonly redact: () => Redactor
  /** As it is now; undefined where there is none of this name. */
  readonly providerNamed: (name: string) => ProviderConfig | undefined
}

export interface OpenTracing {
  readonly tracer: Tracer
  /** After the last call: sends what is left, for a bounded time. */
  close(): Promise<void>
}

const off: OpenTracing = { tracer: noTracer, async close() {} }

/** Traces as the environment asks for them. Nothing is loaded where it does not. */
export async function openTracing(parts: TracingParts): Promise<OpenTracing> {
  const { config, runtime, logger, metrics, redact, providerNamed } = parts
  const { tracing } = config
  if (!tracing) return off
  const exporter = await openExporter(parts)
  if (!exporter) return off
  const sink = new TraceSink({
    settings: tracing.queue,
    clock: runtime.clock,
    send: (spans) => exporter.send(spans),
    onExported: (spans) => metrics.spansExported(spans),
    onDropped: (spans, reason) => metrics.spansDropped(spans, reason),
    onTurn(reason) {
      if (reason === null) logger.info('traces arrive again')
      else
        logger.warn(
          { reason },
          'traces do not arrive and are given up; sluice_trace_spans_dropped_total counts them',
        )
    },
  })
  const tracer = createTracer({
    runtime,
    sampler: createSampler(tracing.sampler),
    rules: {
      version: tracing.latestNames ? 'latest' : 'both',
      redact: (text) => redact()(text),
      placeOf: createPlaces(providerNamed),
    },
    add: (spans) => sink.add(spans),
  })
  return {
    tracer,
    async close() {
      await sink.close()
      exporter.close()
    },
  }
}

async function openExporter({
  config: { tracing },
  runtime,
  logger,
  version,
}: TracingParts): Promise<OtlpExporter | null> {
  if (!tracing) return null
  const { url, headers, timeoutMs } = tracing
  const resource = {
    'service.version': version,
    'service.instance.id': runtime.randomId(),
    'host.name': hostname(),
    ...tracing.resource,
  }
  try {
    return await openOtlpExporter({ url, headers, timeoutMs, resource, version })
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    logger.error({ reason }, 'traces are off: what sends them cannot be loaded')
    return null
  }
}

/** An address is read once for each configuration of a provider. */
function createPlaces(
  providerNamed: TracingParts['providerNamed'],
): (provider: string) => ProviderPlace | null {
  const known = new WeakMap<ProviderConfig, ProviderPlace>()
  return (name) => {
    const provider = providerNamed(name)
    if (!provider) return null
    const place = known.get(provider) ?? placeOf(provider)
    known.set(provider, place)
    return place
  }
}

function placeOf({ type, baseUrl }: ProviderConfig): ProviderPlace {
  const url = URL.parse(baseUrl)
  if (!url) return { type, address: null, port: null }
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
  return { type, address: url.hostname.replace(/^\[|\]$/g, ''), port }
}
