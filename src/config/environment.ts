import { hasBaseUrlOfKeys, placeFromEnvironment } from './cloud-keys.ts'
import { maskSecret } from './mask.ts'
import { nearestName } from './nearest.ts'
import type { ProviderTypeInfo } from './provider-type.ts'
import { baseUrlProblem } from './provider-url.ts'
import { isLoopback } from './proxy.ts'
import { logFormats, logLevels } from './schema.ts'
import type { Path } from './schema-node.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The flags of `serve` and `check`. */
export interface Flags {
  config?: string
  host?: string
  port?: number
  dataDir?: string
  logLevel?: string
  logFormat?: string
}

/** A setting that a flag or the environment sets over the file. */
export interface Override {
  readonly path: Path
  readonly value: string | number
  /** `--port` or `SLUICE_PORT`. */
  readonly origin: string
}

/** A provider that is on because its key was in the environment. */
export interface FoundProvider {
  readonly provider: string
  readonly variable: string
  /** The last characters only. */
  readonly shown: string
  readonly baseUrlVariable: string | null
}

const twins = ['CONFIG', 'HOST', 'PORT', 'DATA_DIR', 'LOG_LEVEL', 'LOG_FORMAT'].map(
  (name) => `SLUICE_${name}`,
)
// SLUICE_KEY is where the start banner puts a caller's own key.
const knownNames = [...twins, 'SLUICE_ENCRYPTION_KEY', 'SLUICE_ENCRYPTION_KEY_OLD', 'SLUICE_KEY']

/** What flags and their environment twins say, the flag first. Bad values go to `problems`. */
export function readOverrides(
  flags: Flags,
  env: Environment,
  problems: string[],
): readonly Override[] {
  const overrides: Override[] = []
  const pick = (
    path: Path,
    flag: string,
    given: string | number | undefined,
    read: (text: string) => string | number | null,
    wanted: string,
  ): void => {
    const twin = `SLUICE_${flag.slice(2).toUpperCase().replace('-', '_')}`
    const [text, origin] = given === undefined ? [env[twin] || undefined, twin] : [given, flag]
    if (text === undefined) return
    const value = read(String(text))
    if (value === null) problems.push(`${origin} must be ${wanted}, not ${JSON.stringify(text)}.`)
    else overrides.push({ path, value, origin })
  }
  const oneOf =
    (values: readonly string[]) =>
    (text: string): string | null =>
      values.includes(text) ? text : null
  const readHost = (text: string): string | null => (/^[^\s/]+$/.test(text) ? text : null)
  const readPort = (text: string): number | null =>
    /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : null

  pick(['server', 'host'], '--host', flags.host, readHost, 'a host name or an address')
  pick(['server', 'port'], '--port', flags.port, readPort, 'a port number from 0 to 65535')
  pick(['data_dir'], '--data-dir', flags.dataDir, (text) => text || null, 'a directory')
  pick(['log', 'level'], '--log-level', flags.logLevel, oneOf(logLevels), logLevels.join(', '))
  pick(['log', 'format'], '--log-format', flags.logFormat, oneOf(logFormats), 'pretty or json')
  return overrides
}

/** A warning for every `SLUICE_…` name that nothing reads; `referenced` are those the file refers to. */
export function unknownNames(env: Environment, referenced: ReadonlySet<string>): string[] {
  return Object.keys(env)
    .filter((name) => /^SLUICE_/i.test(name))
    .filter((name) => !knownNames.includes(name) && !referenced.has(name))
    .map((name) => {
      if (name === 'SLUICE_ADMIN_PASSWORD')
        return `SLUICE_ADMIN_PASSWORD is set, but the configuration does not use it. Write auth: { admin: { password: "\${SLUICE_ADMIN_PASSWORD}" } }.`
      const near = nearestName(name, knownNames)
      return `${name} is set, but nothing reads it.${near === null ? '' : ` Did you mean ${near}?`}`
    })
}

/** The providers whose keys stand in the environment, as blocks of the file would describe them. */
export function findProviders(
  types: readonly ProviderTypeInfo[],
  env: Environment,
  ownPort: number,
): {
  readonly providers: Readonly<Record<string, object>>
  readonly found: readonly FoundProvider[]
  readonly warnings: readonly string[]
} {
  const providers: Record<string, object> = {}
  const found: FoundProvider[] = []
  const warnings: string[] = []
  for (const info of types) {
    const variable = info.envKeys.find((name) => env[name])
    const value = variable === undefined ? undefined : env[variable]
    if (variable === undefined || value === undefined) continue
    const problem = keyProblem(variable, value)
    const place = placeFromEnvironment(info.type, env)
    const address = baseUrlFrom(info, env, ownPort)
    if (problem || place.missing !== null || address.problem) {
      const reason = problem ?? address.problem ?? `${place.missing} is not set.`
      warnings.push(`${reason} Provider ${info.type} is left out.`)
      continue
    }
    const version = info.type === 'azure' ? env['OPENAI_API_VERSION'] : undefined
    providers[info.type] = {
      type: info.type,
      ...(address.url === null ? {} : { base_url: address.url }),
      ...(version ? { api_version: version } : {}),
      keys: [{ name: 'env', value, ...place.settings }],
    }
    found.push({
      provider: info.type,
      variable,
      shown: maskSecret(value),
      baseUrlVariable: address.url === null ? null : (info.envBaseUrl ?? null),
    })
  }
  return { providers, found, warnings }
}

function keyProblem(variable: string, value: string): string | null {
  if (value.startsWith('sk-bf-')) return `${variable} holds a virtual key, not a provider's key.`
  if (/[^\x20-\x7e]|^\s|\s$/.test(value))
    return `${variable} has spaces at its ends or characters no key has.`
  return null
}

function baseUrlFrom(
  info: ProviderTypeInfo,
  env: Environment,
  ownPort: number,
): { readonly url: string | null; readonly problem: string | null } {
  const name = info.envBaseUrl
  const url = name === undefined ? undefined : env[name]
  if (name === undefined || !url)
    return info.defaultBaseUrl === null && !hasBaseUrlOfKeys(info.type)
      ? { url: null, problem: `${name ?? 'its base_url'} is not set.` }
      : { url: null, problem: null }
  const problem = baseUrlProblem(url)
  if (problem) return { url: null, problem: `${name} ${problem}` }
  // People point SDKs at the gateway by this very name; to follow it would be a loop.
  const parsed = new URL(url)
  return isLoopback(parsed.hostname) && Number(parsed.port) === ownPort
    ? { url: null, problem: info.defaultBaseUrl === null ? `${name} is this gateway.` : null }
    : { url, problem: null }
}
