import { resolve } from 'node:path'
import { compileAuth, compileVirtualKeys, isAddressRange } from './compile-access.ts'
import { compilePrices, compileTenants } from './compile-allowance.ts'
import { type CompileContext, timerMs } from './compile-context.ts'
import { compileModels } from './compile-models.ts'
import { compileProvider } from './compile-provider.ts'
import { compileTracing } from './compile-tracing.ts'
import type {
  Config,
  JobsConfig,
  ProviderConfig,
  RequestLogConfig,
  ServerConfig,
} from './config.ts'
import type { RawConfig } from './schema.ts'
import { type Path, showPath } from './schema-node.ts'
import { parseDuration, parseSize } from './units.ts'

/** The effective configuration. What is wrong beyond the schema goes to `context.report`. */
export function compileConfig(raw: RawConfig, dataDir: string, context: CompileContext): Config {
  const providers = Object.entries(raw.providers).map(
    ([name, provider]) => [name, compileProvider(name, provider, context)] as const,
  )
  if (providers.length === 0) context.warn('There are no providers, so no model can be called.')
  const server = compileServer(raw, context)
  checkKeepAlive(server, providers, context)
  return {
    server,
    auth: compileAuth(raw, context),
    providers: new Map(providers),
    models: compileModels(raw, context),
    virtualKeys: compileVirtualKeys(raw, context),
    ...compileTenants(raw, context),
    prices: compilePrices(raw, context),
    jobs: compileJobs(raw, context),
    store: { url: compileStoreUrl(raw, context) },
    compat: { extraFields: raw.compat.extra_fields },
    dataDir,
    requestLog: compileRequestLog(raw, context),
    tracing: compileTracing(context),
    log: { level: raw.log.level, format: raw.log.format ?? null },
  }
}

/** Where every provider was told how long a stream may take, a comment must come within that. */
function checkKeepAlive(
  { stream }: ServerConfig,
  providers: readonly (readonly [name: string, provider: ProviderConfig])[],
  { report, isGiven }: CompileContext,
): void {
  const path = ['server', 'stream', 'keep_alive']
  const totalsMs = providers
    .filter(([name]) => isGiven(['providers', name, 'timeouts', 'stream_total']))
    .map(([, { timeouts }]) => timeouts.streamTotalMs)
  if (!isGiven(path) || totalsMs.length === 0 || totalsMs.length < providers.length) return
  if (stream.keepAliveMs >= Math.max(...totalsMs))
    report(
      path,
      'server.stream.keep_alive is as long as any stream may take (timeouts.stream_total), so nothing would be kept alive. Lower it.',
    )
}

function compileServer({ server }: RawConfig, context: CompileContext): ServerConfig {
  checkServer(server, context)
  const ms = (text: string, ...names: string[]): number =>
    timerMs(text, ['server', ...names], context)
  return {
    host: server.host,
    port: server.port,
    // A default gives way to a bound that was given.
    maxBodyBytes: Math.min(parseSize(server.max_body), parseSize(server.max_buffered)),
    maxReplyBytes: parseSize(server.max_reply),
    maxBufferedBytes: parseSize(server.max_buffered),
    maxInFlight: server.max_in_flight,
    corsOrigins: server.cors?.origins ?? null,
    hosts: (server.hosts ?? []).map((host) => host.toLowerCase()),
    trustedProxies: server.trusted_proxies ?? [],
    metricsPublic: server.metrics === 'public',
    drain: {
      delayMs: ms(server.drain.delay, 'drain', 'delay'),
      graceMs: ms(server.drain.grace, 'drain', 'grace'),
    },
    stream: {
      holdMs: ms(server.stream.hold, 'stream', 'hold'),
      keepAliveMs: ms(server.stream.keep_alive, 'stream', 'keep_alive'),
    },
  }
}

function checkServer(server: RawConfig['server'], { report, isGiven }: CompileContext): void {
  const checkEach = (
    items: readonly string[] | undefined,
    path: Path,
    fits: (item: string) => boolean,
    wanted: string,
  ): void => {
    for (const [i, item] of (items ?? []).entries())
      if (!fits(item)) report([...path, i], `${showPath([...path, i])} must be ${wanted}.`)
  }
  checkEach(
    server.cors?.origins,
    ['server', 'cors', 'origins'],
    (origin) => /^[a-z][a-z0-9+.-]*:\/\/[^/\s*]+$/.test(origin),
    'an origin such as https://app.example.com, without a path and without *',
  )
  checkEach(
    server.hosts,
    ['server', 'hosts'],
    (host) => /^([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])$/.test(host),
    'a host name without scheme and port',
  )
  checkEach(
    server.trusted_proxies,
    ['server', 'trusted_proxies'],
    isAddressRange,
    'an IP address or a range such as 10.0.0.0/8',
  )
  if (/[\s/]/.test(server.host))
    report(['server', 'host'], 'server.host must be a host name or an address, without a port.')
  if (
    isGiven(['server', 'max_body']) &&
    parseSize(server.max_body) > parseSize(server.max_buffered)
  )
    report(
      ['server', 'max_body'],
      `server.max_body is larger than server.max_buffered allows. Lower it to ${server.max_buffered} or less, or raise server.max_buffered.`,
    )
}

function compileJobs({ jobs }: RawConfig, { report, isGiven }: CompileContext): JobsConfig {
  const tooLarge = (name: keyof typeof jobs, bound: keyof typeof jobs): void =>
    report(
      ['jobs', name],
      `jobs.${name} is larger than jobs.${bound} allows. Lower it to ${jobs[bound]} or less, or raise jobs.${bound}.`,
    )
  const isEachGiven = (...names: (keyof typeof jobs)[]): boolean =>
    names.every((name) => isGiven(['jobs', name]))
  // Beside a default it does no harm: the smaller one holds.
  for (const [name, bound] of [
    ['per_key_concurrency', 'concurrency'],
    ['per_key_queue_limit', 'queue_limit'],
  ] as const)
    if (jobs[name] > jobs[bound] && isEachGiven(name, bound)) tooLarge(name, bound)
  const maxResultTtlMs = parseDuration(jobs.max_result_ttl)
  const queueBytes = parseSize(jobs.queue_bytes)
  const resultTtlMs = parseDuration(jobs.result_ttl)
  const maxBodyBytes = parseSize(jobs.max_body)
  if (resultTtlMs > maxResultTtlMs && isEachGiven('result_ttl'))
    tooLarge('result_ttl', 'max_result_ttl')
  if (maxBodyBytes > queueBytes && isEachGiven('max_body')) tooLarge('max_body', 'queue_bytes')
  return {
    concurrency: jobs.concurrency,
    perKeyConcurrency: jobs.per_key_concurrency,
    queueLimit: jobs.queue_limit,
    perKeyQueueLimit: jobs.per_key_queue_limit,
    // A default gives way to a bound that was given.
    resultTtlMs: Math.min(resultTtlMs, maxResultTtlMs),
    maxResultTtlMs,
    maxAttempts: jobs.max_attempts,
    maxBodyBytes: Math.min(maxBodyBytes, queueBytes),
    maxResultBytes: parseSize(jobs.max_result),
    queueBytes,
  }
}

const leastLogBytes = 64 * 1024 * 1024

function compileRequestLog(
  { request_log: log }: RawConfig,
  { report, isGiven }: CompileContext,
): RequestLogConfig {
  const maxBytes = parseSize(log.max_size)
  const [keepMs, contentKeepMs] = [parseDuration(log.keep), parseDuration(log.content_keep)]
  if (maxBytes < leastLogBytes)
    report(['request_log', 'max_size'], 'request_log.max_size must be 64MiB or more.')
  if (contentKeepMs > keepMs && isGiven(['request_log', 'content_keep']))
    report(
      ['request_log', 'content_keep'],
      `request_log.content_keep is longer than the calls themselves are kept. Lower it to ${log.keep} or less, or raise request_log.keep.`,
    )
  return {
    enabled: log.enabled,
    content: log.content,
    // A default gives way to a bound that was given.
    contentKeepMs: Math.min(contentKeepMs, keepMs),
    keepMs,
    maxBytes,
    maxBodyBytes: parseSize(log.max_body),
    clientAddress: log.client_address,
  }
}

function compileStoreUrl({ store }: RawConfig, context: CompileContext): string | null {
  if (!store) return null
  const { url } = store
  if (/^sqlite:/.test(url)) {
    const path = url.slice(7).replace(/^\/\//, '')
    if (path !== '') return `sqlite:${resolve(context.folder, path)}`
  }
  const parsed = URL.parse(url)
  if (parsed && /^postgres(ql)?:$/.test(parsed.protocol)) return url
  context.report(
    ['store', 'url'],
    'store.url must be postgres://user:pass@host/db or sqlite:path/to/file.db.',
  )
  return url
}
