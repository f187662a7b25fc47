import { readFileSync, statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { compileConfig } from './compile-config.ts'
import { completeProvider } from './compile-provider.ts'
import type { Config } from './config.ts'
import { ConfigError, type ConfigProblem } from './config-error.ts'
import { type ConfigDocument, parseConfigDocument } from './document.ts'
import {
  type Environment,
  type Flags,
  type FoundProvider,
  findProviders,
  type Override,
  readOverrides,
  unknownNames,
} from './environment.ts'
import { excerptAt } from './excerpt.ts'
import { settingsNotInForce } from './not-in-force.ts'
import type { ProviderTypeInfo } from './provider-type.ts'
import { environmentProxy } from './proxy.ts'
import type { RawConfig } from './schema.ts'
import { isRecord, type Path, rootNode, withDefaults } from './schema-node.ts'
import { type EffectiveSetting, listSettings, type Origin } from './settings.ts'
import { coerceReferences, type Report, validateDocument } from './validate.ts'

export type { Flags } from './environment.ts'
export type { ProviderTypeInfo } from './provider-type.ts'

export interface LoadOptions {
  readonly flags: Flags
  readonly env: Environment
  readonly cwd: string
  readonly providerTypes: readonly ProviderTypeInfo[]
  /** Whether an optional package can be loaded; absent: as it is. */
  readonly hasPackage?: (name: string) => boolean
  /** Taken for what stands in the file, which is not read. */
  readonly text?: string
}

export interface LoadedConfig {
  readonly config: Config
  /** As shown to people; null: there is none. */
  readonly file: string | null
  /** The file and every `${file:…}` it read, absolute. */
  readonly watched: readonly string[]
  readonly settings: readonly EffectiveSetting[]
  /** Providers that are on because of a key in the environment; only without a file. */
  readonly foundInEnvironment: readonly FoundProvider[]
  readonly warnings: readonly string[]
  /** Given settings that this version accepts but does not act on. */
  readonly notInForce: readonly string[]
}

/** A file that was found, with its text. */
interface Source {
  readonly path: string
  readonly shown: string
  readonly text: string
}

const maxFileBytes = 16 * 1024 * 1024

/** Reads, checks and completes the configuration. Throws a `ConfigError` with everything that is wrong. */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const { flags, env, cwd } = options
  const overrideProblems: string[] = []
  const overrides = readOverrides(flags, env, overrideProblems)
  const source = findSource(options)
  const problems: ConfigProblem[] = overrideProblems.map((message) => plainProblem(message))
  const document = source
    ? parseConfigDocument(source.text, { env, folder: dirname(source.path) })
    : null
  const report = createReport(document, source, problems)
  if (document && source) checkDocument(document, source, report, problems)
  if (problems.length > 0) throw sorted(problems)

  const given = document ? document.value : { version: 1 }
  const found = document ? null : findInEnvironment(options, overrides)
  const complete = completeRaw(given, found?.providers ?? {}, overrides, options)
  const warnings = [...(found?.warnings ?? [])]
  const dataDir = overrides.find(({ path }) => path[0] === 'data_dir')
  const config = compileConfig(complete, resolve(cwd, String(dataDir?.value ?? 'data')), {
    report,
    warn: (message) => void warnings.push(message),
    isGiven: (path) => document?.entry(path) !== undefined,
    types: options.providerTypes,
    hasPackage: options.hasPackage ?? isInstalled,
    env,
    folder: source ? dirname(source.path) : cwd,
  })
  if (problems.length > 0) throw sorted(problems)

  const originOf = createOriginOf(document, source, overrides, found?.found ?? [])
  return {
    config,
    file: source?.shown ?? null,
    watched: source ? [source.path, ...(document?.files ?? [])] : [],
    settings: [
      ...listSettings({ data_dir: String(dataDir?.value ?? './data'), ...complete }, originOf),
      ...proxySettings(config, complete, env),
      ...tracingSettings(config),
    ],
    foundInEnvironment: found?.found ?? [],
    warnings: [...warnings, ...unknownNames(env, document?.names ?? new Set())],
    notInForce: settingsNotInForce(given),
  }
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name)
    return true
  } catch {
    return false
  }
}

/** `--config`, else SLUICE_CONFIG, else ./sluice.yaml where there is one. */
function findSource({ flags, env, cwd, text }: LoadOptions): Source | null {
  const named = flags.config ?? (env['SLUICE_CONFIG'] || undefined)
  const path = resolve(cwd, named ?? 'sluice.yaml')
  const inside = relative(cwd, path)
  const shown = inside === '' || inside.startsWith('..') ? path : inside
  if (text !== undefined) return { path, shown, text }
  const fail = (reason: string): ConfigError =>
    new ConfigError([{ ...plainProblem(`${reason}.`), file: shown }])
  try {
    if (statSync(path).size > maxFileBytes) throw fail('the file is larger than 16 MiB')
    const bytes = readFileSync(path)
    return { path, shown, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' && named === undefined) return null
    if (code === 'ENOENT') {
      const by = flags.config === undefined ? 'SLUICE_CONFIG' : '--config'
      throw fail(`there is no such file; ${by} names it`)
    }
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw fail('the file is not UTF-8 text')
    throw fail(`the file cannot be read (${code ?? 'unknown error'})`)
  }
}

function checkDocument(
  document: ConfigDocument,
  source: Source,
  report: Report,
  problems: ConfigProblem[],
): void {
  for (const { at, message } of document.problems)
    problems.push(problemAt(document, source, at, message))
  if (document.misformed) return
  if (document.value === null) {
    report([], 'the file is empty. It needs at least "version: 1".')
    return
  }
  coerceReferences(document)
  validateDocument(document, report)
}

/** Turns a setting's path into a place in the file; a setting that is not in it points at the block it would be in. */
function createReport(
  document: ConfigDocument | null,
  source: Source | null,
  problems: ConfigProblem[],
): Report {
  return (path, message, at = 'value') => {
    if (!document || !source) {
      problems.push(plainProblem(message))
      return
    }
    const exact = document.entry(path)
    const entry = exact ?? nearestEntry(document, path)
    const offset = at === 'key' || !exact ? (entry?.keyAt ?? entry?.range[0]) : exact.range[0]
    problems.push(problemAt(document, source, offset ?? 0, message))
  }
}

function nearestEntry(document: ConfigDocument, path: Path): ReturnType<ConfigDocument['entry']> {
  for (let length = path.length; length >= 0; length--) {
    const entry = document.entry(path.slice(0, length))
    if (entry) return entry
  }
  return undefined
}

function problemAt(
  document: ConfigDocument,
  source: Source,
  at: number,
  message: string,
): ConfigProblem {
  const place = document.position(at)
  return { file: source.shown, ...place, message, excerpt: excerptAt(document, at) }
}

const plainProblem = (message: string): ConfigProblem => ({
  file: null,
  line: null,
  column: null,
  message,
  excerpt: null,
})

function sorted(problems: readonly ConfigProblem[]): ConfigError {
  return new ConfigError(
    problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)),
  )
}

function findInEnvironment(
  { providerTypes, env }: LoadOptions,
  overrides: readonly Override[],
): ReturnType<typeof findProviders> {
  const port = overrides.find(({ path }) => path.at(-1) === 'port')?.value ?? 8080
  return findProviders(providerTypes, env, Number(port))
}

/** The file, or what stands for it without one, with overrides and every default filled in. */
function completeRaw(
  given: unknown,
  fromEnvironment: Readonly<Record<string, object>>,
  overrides: readonly Override[],
  { providerTypes }: LoadOptions,
): RawConfig {
  const isDemo = (info: ProviderTypeInfo): boolean => info.type === 'demo'
  const providers =
    isRecord(given) && Object.hasOwn(given, 'providers')
      ? given['providers']
      : { ...(providerTypes.some(isDemo) ? { demo: { type: 'demo' } } : {}), ...fromEnvironment }
  const raw = withDefaults(rootNode, { ...(given as object), providers }) as RawConfig
  const sections: Record<string, Record<string, unknown>> = {
    server: { ...raw.server },
    log: { ...raw.log },
  }
  for (const { path, value } of overrides) {
    const section = sections[String(path[0])]
    if (section && path[1] !== undefined) section[path[1]] = value
  }
  const completed = Object.entries(raw.providers).map(
    ([name, provider]) => [name, completeProvider(name, provider, providerTypes)] as const,
  )
  return { ...raw, ...sections, providers: Object.fromEntries(completed) } as RawConfig
}

function createOriginOf(
  document: ConfigDocument | null,
  source: Source | null,
  overrides: readonly Override[],
  found: readonly FoundProvider[],
): (path: Path) => Origin {
  return (path) => {
    const override = overrides.find((one) => one.path.join('.') === path.join('.'))
    if (override) return { origin: override.origin, reference: null }
    const provider = path[0] === 'providers' ? found.find((one) => one.provider === path[1]) : null
    if (provider && path[2] === 'keys') return { origin: provider.variable, reference: null }
    if (provider && path[2] === 'base_url' && provider.baseUrlVariable !== null)
      return { origin: provider.baseUrlVariable, reference: null }
    const entry = document?.entry(path)
    if (!document || !source || !entry) return { origin: 'default', reference: null }
    const { line } = document.position(entry.keyAt ?? entry.range[0])
    const reference = entry.references.join(' ') || null
    return { origin: `${source.shown}:${line}`, reference }
  }
}

/** What leaves the process only because the environment says so. */
function tracingSettings({ tracing }: Config): EffectiveSetting[] {
  if (!tracing) return []
  const { url, origin } = tracing
  return listSettings({ tracing: { url } }, () => ({ origin, reference: null }))
}

/** What goes through a proxy only because the environment says so is in no file, and so easily overlooked. */
function proxySettings(config: Config, raw: RawConfig, env: Environment): EffectiveSetting[] {
  return [...config.providers.values()].flatMap((provider) => {
    if (provider.proxy === null || raw.providers[provider.name]?.proxy !== undefined) return []
    const origin = environmentProxy(provider.baseUrl, env)?.name ?? 'environment'
    const [row] = listSettings(
      { providers: { [provider.name]: { proxy: provider.proxy } } },
      () => ({ origin, reference: null }),
    )
    return row ? [row] : []
  })
}
