import type { CompileContext } from './compile-context.ts'

/** Where traces go and which. Read from the names that OpenTelemetry gives them in the environment. */
export interface TracingConfig {
  /** Where traces are posted to, whole. */
  readonly url: string
  /** The name in the environment that said so. */
  readonly origin: string
  /** May be credentials. */
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Of the process, such as `service.name`. */
  readonly resource: Readonly<Record<string, string>>
  readonly sampler: { readonly ratio: number; readonly parentBased: boolean }
  readonly queue: {
    readonly queueSpans: number
    readonly batchSpans: number
    readonly everyMs: number
    readonly exportMs: number
  }
  /** Whether the names of the older convention are left out. */
  readonly latestNames: boolean
}

const tracingPackage = '@opentelemetry/exporter-trace-otlp-http'

const usualUrl = 'http://localhost:4318/v1/traces'

type Context = Pick<CompileContext, 'env' | 'warn' | 'hasPackage'>
type Env = CompileContext['env']

/** Null: traces are off. What asks for them and cannot be had is a warning: the environment may be everybody's. */
export function compileTracing({ env, warn, hasPackage }: Context): TracingConfig | null {
  const place = placeOf(env, warn)
  if (!place) return null
  if (!hasPackage(tracingPackage) || !hasPackage('@opentelemetry/api')) {
    warn(
      `${place.origin} asks for traces, but the package "${tracingPackage}" is not installed beside Sluice, so there are none. Run: npm install ${tracingPackage} @opentelemetry/api`,
    )
    return null
  }
  const count = (name: string, usual: number): number => countIn(env, name, usual, warn)
  const queueSpans = count('OTEL_BSP_MAX_QUEUE_SIZE', 4096)
  return {
    ...place,
    headers: {
      ...pairsIn(env, 'OTEL_EXPORTER_OTLP_HEADERS', warn),
      ...pairsIn(env, 'OTEL_EXPORTER_OTLP_TRACES_HEADERS', warn),
    },
    timeoutMs: count(
      'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT',
      count('OTEL_EXPORTER_OTLP_TIMEOUT', 10_000),
    ),
    resource: resourceOf(env, warn),
    sampler: samplerOf(env, warn),
    queue: {
      queueSpans,
      // A batch is made into text at once, which holds up the calls of that moment.
      batchSpans: Math.min(count('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 256), queueSpans),
      everyMs: count('OTEL_BSP_SCHEDULE_DELAY', 5000),
      exportMs: count('OTEL_BSP_EXPORT_TIMEOUT', 30_000),
    },
    latestNames: (env['OTEL_SEMCONV_STABILITY_OPT_IN'] ?? '')
      .split(',')
      .some((word) => word.trim() === 'gen_ai_latest_experimental'),
  }
}

function placeOf(env: Env, warn: Context['warn']): Pick<TracingConfig, 'url' | 'origin'> | null {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return null
  const exporters = (env['OTEL_TRACES_EXPORTER'] ?? '').split(',').map((word) => word.trim())
  const isGiven = exporters.some((word) => word !== '')
  if (isGiven && !exporters.includes('otlp')) {
    if (!exporters.includes('none'))
      warn(
        `OTEL_TRACES_EXPORTER is ${exporters.join(',')}; Sluice knows otlp and none, so there are no traces.`,
      )
    return null
  }
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']
  const all = env['OTEL_EXPORTER_OTLP_ENDPOINT']
  if (!own && !all && !isGiven) return null
  const origin = own
    ? 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'
    : all
      ? 'OTEL_EXPORTER_OTLP_ENDPOINT'
      : 'OTEL_TRACES_EXPORTER'
  const url = own || (all ? `${all.replace(/\/+$/, '')}/v1/traces` : usualUrl)
  const problem = problemOf(url, env)
  if (problem === null) return { url, origin }
  warn(`${origin} asks for traces, but ${problem}, so there are none.`)
  return null
}

function problemOf(url: string, env: Env): string | null {
  const protocol = URL.parse(url)?.protocol
  if (protocol !== 'http:' && protocol !== 'https:') return 'is no http:// or https:// address'
  const spoken = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL']
  return spoken === 'grpc'
    ? 'OTEL_EXPORTER_OTLP_PROTOCOL is grpc, and Sluice speaks OTLP over HTTP (port 4318, http/json)'
    : null
}

function resourceOf(env: Env, warn: Context['warn']): TracingConfig['resource'] {
  const given = pairsIn(env, 'OTEL_RESOURCE_ATTRIBUTES', warn)
  const name = env['OTEL_SERVICE_NAME'] || given['service.name'] || 'sluice'
  return { ...given, 'service.name': name }
}

/** `name=value,name=value`, percent-encoded. One that cannot be read is left out: a part of it may be a secret. */
function pairsIn(env: Env, name: string, warn: Context['warn']): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const pair of (env[name] ?? '').split(',')) {
    if (pair.trim() === '') continue
    const at = pair.indexOf('=')
    try {
      if (at < 1) throw new URIError()
      pairs[decodeURIComponent(pair.slice(0, at).trim())] = decodeURIComponent(
        pair.slice(at + 1).trim(),
      )
    } catch {
      warn(`${name} must be name=value pairs with commas between; one of them is not.`)
    }
  }
  return pairs
}

const samplers: Readonly<Record<string, { readonly kept: 'all' | 'none' | 'ratio' }>> = {
  always_on: { kept: 'all' },
  always_off: { kept: 'none' },
  traceidratio: { kept: 'ratio' },
}

function samplerOf(env: Env, warn: Context['warn']): TracingConfig['sampler'] {
  const given = env['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on'
  const parentBased = given.startsWith('parentbased_')
  const sampler = samplers[given.replace('parentbased_', '')]
  if (!sampler) {
    const known = Object.keys(samplers).flatMap((name) => [name, `parentbased_${name}`])
    warn(`OTEL_TRACES_SAMPLER must be one of ${known.join(', ')}; every trace is kept.`)
    return { ratio: 1, parentBased: true }
  }
  if (sampler.kept !== 'ratio') return { ratio: sampler.kept === 'all' ? 1 : 0, parentBased }
  const text = env['OTEL_TRACES_SAMPLER_ARG'] || '1'
  const ratio = Number(text)
  if (ratio >= 0 && ratio <= 1) return { ratio, parentBased }
  warn('OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1; every trace is kept.')
  return { ratio: 1, parentBased }
}

function countIn(env: Env, name: string, usual: number, warn: Context['warn']): number {
  const text = env[name]
  if (!text) return usual
  if (/^[1-9]\d{0,7}$/.test(text)) return Number(text)
  warn(`${name} must be a whole number above 0; ${usual} is taken.`)
  return usual
}
