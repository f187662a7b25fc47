import { resolve } from 'node:path'
import { compileAuth, compileVirtualKeys, isAddressRange } from './compile-access.ts'
import { type CompileContext, timerMs } from './compile-context.ts'
import { compileModels } from './compile-models.ts'
import { compileProvider, isLaterType } from './compile-provider.ts'
import type { Config, JobsConfig, PriceConfig, ServerConfig } from './config.ts'
import type { RawConfig } from './schema.ts'
import { type Path, showPath } from './schema-node.ts'
import { parseDuration, parseSize } from './units.ts'

/** The effective configuration. What is wrong beyond the schema goes to `context.report`. */
export function compileConfig(raw: RawConfig, dataDir: string, context: CompileContext): Config {
  const providers = Object.entries(raw.providers)
    .filter(([, { type }]) => !isLaterType(type))
    .map(([name, provider]) => [name, compileProvider(name, provider, context)] as const)
  if (providers.length === 0) context.warn('There are no providers, so no model can be called.')
  return {
    server: compileServer(raw, context),
    auth: compileAuth(raw, context),
    providers: new Map(providers),
    models: compileModels(raw, context),
    virtualKeys: compileVirtualKeys(raw, context),
    prices: compilePrices(raw),
    jobs: compileJobs(raw, context),
    store: { url: compileStoreUrl(raw, context) },
    compat: { extraFields: raw.compat.extra_fields },
    dataDir,
    log: { level: raw.log.level, format: raw.log.format ?? null },
  }
}

function compileServer({ server }: RawConfig, context: CompileContext): ServerConfig {
  checkServerLists(server, context)
  const ms = (text: string, ...names: string[]): number =>
    timerMs(text, ['server', ...names], context)
  return {
    host: server.host,
    port: server.port,
    maxBodyBytes: parseSize(server.max_body),
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

function checkServerLists(server: RawConfig['server'], { report }: CompileContext): void {
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
  if (parseSize(server.max_body) > parseSize(server.max_buffered))
    report(['server', 'max_body'], 'server.max_body is larger than server.max_buffered allows.')
}

function compilePrices({ prices }: RawConfig): ReadonlyMap<string, PriceConfig> {
  return new Map(
    Object.entries(prices).map(([model, price]) => [
      model,
      {
        inputPerMillion: price.input_per_million,
        cachedInputPerMillion: price.cached_input_per_million ?? null,
        cacheWritePerMillion: price.cache_write_per_million ?? null,
        outputPerMillion: price.output_per_million,
      },
    ]),
  )
}

function compileJobs({ jobs }: RawConfig, { report }: CompileContext): JobsConfig {
  const notAbove = (name: keyof typeof jobs, cap: keyof typeof jobs, above: boolean): void => {
    if (above) report(['jobs', name], `jobs.${name} is larger than jobs.${cap} allows.`)
  }
  const compiled = {
    concurrency: jobs.concurrency,
    perKeyConcurrency: jobs.per_key_concurrency,
    queueLimit: jobs.queue_limit,
    perKeyQueueLimit: jobs.per_key_queue_limit,
    resultTtlMs: parseDuration(jobs.result_ttl),
    maxResultTtlMs: parseDuration(jobs.max_result_ttl),
    maxAttempts: jobs.max_attempts,
    maxBodyBytes: parseSize(jobs.max_body),
    maxResultBytes: parseSize(jobs.max_result),
    queueBytes: parseSize(jobs.queue_bytes),
  }
  notAbove('result_ttl', 'max_result_ttl', compiled.resultTtlMs > compiled.maxResultTtlMs)
  notAbove('max_body', 'queue_bytes', compiled.maxBodyBytes > compiled.queueBytes)
  return compiled
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
