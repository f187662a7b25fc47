import { resolve } from 'node:path'
import { type CompileContext, reportRepeated, timerMs } from './compile-context.ts'
import type { ProviderConfig, ProviderKeyConfig, TimeoutsConfig } from './config.ts'
import { nearestName } from './nearest.ts'
import type { ProviderTypeInfo } from './provider-type.ts'
import { environmentProxy, isProxyUrl } from './proxy.ts'
import type { RawProvider, RawProviderKey } from './schema.ts'
import { type Path, showPath } from './schema-node.ts'

const laterTypes = ['anthropic', 'gemini', 'vertex', 'bedrock', 'cohere']

/** A type that files may name already but that this version leaves out. */
export const isLaterType = (type: string | undefined): boolean =>
  type !== undefined && laterTypes.includes(type)
const cloudTypes = ['bedrock', 'vertex']
const defaultAzureVersion = '2024-10-21'
// Those the gateway writes itself: a second one would break the request or its framing.
const ownHeaders = /^(host|connection|content-length|transfer-encoding|upgrade|te|trailer|expect)$/i

/** Fills in what depends on the provider's name and type. */
export function completeProvider(
  name: string,
  raw: RawProvider,
  types: readonly ProviderTypeInfo[],
): RawProvider {
  const type = raw.type ?? (isNamedType(name, types) ? name : undefined)
  const baseUrl = raw.base_url ?? types.find((info) => info.type === type)?.defaultBaseUrl
  const version = raw.api_version ?? (type === 'azure' ? defaultAzureVersion : undefined)
  return {
    ...raw,
    ...(type === undefined ? {} : { type }),
    ...(baseUrl ? { base_url: baseUrl } : {}),
    ...(version === undefined ? {} : { api_version: version }),
  }
}

const isNamedType = (name: string, types: readonly ProviderTypeInfo[]): boolean =>
  types.some((info) => info.type === name) || isLaterType(name)

export function compileProvider(
  name: string,
  raw: RawProvider,
  context: CompileContext,
): ProviderConfig {
  const path: Path = ['providers', name]
  const type = raw.type ?? ''
  const info = checkType(raw, path, context)
  const baseUrl = compileBaseUrl(raw, path, context, info)
  const keys = compileKeys(raw, path, context)
  if (info?.needsKey && keys === null)
    context.warn(`${showPath(path)} has no keys: its calls carry no credential.`)
  for (const setting of ['api_version', 'deployments'] as const)
    if (raw[setting] !== undefined && type !== 'azure')
      context.report([...path, setting], `"${setting}" is for providers of type azure only.`, 'key')
  return {
    name,
    type,
    baseUrl,
    keys,
    headers: compileHeaders(raw, path, context),
    timeouts: compileTimeouts(raw, path, context),
    proxy: compileProxy(raw, baseUrl, path, context),
    tls: { ca: compileCertificate(raw, path, context) },
    retries: {
      max: raw.retries.max,
      baseMs: timerMs(raw.retries.base, [...path, 'retries', 'base'], context),
      capMs: timerMs(raw.retries.cap, [...path, 'retries', 'cap'], context),
    },
    maxConcurrency: raw.max_concurrency,
    apiVersion: raw.api_version ?? null,
    deployments: raw.deployments ? new Map(Object.entries(raw.deployments)) : null,
  }
}

function checkType(
  raw: RawProvider,
  path: Path,
  { types, report }: CompileContext,
): ProviderTypeInfo | undefined {
  const known = types.map((info) => info.type)
  const { type } = raw
  if (type === undefined) {
    report(path, `${showPath(path)} needs "type": one of ${known.join(', ')}.`, 'key')
    return undefined
  }
  const info = types.find((one) => one.type === type)
  if (info) return info
  const at = [...path, 'type']
  const near = nearestName(type, known)
  const hint = near === null ? `Known are ${known.join(', ')}.` : `Did you mean "${near}"?`
  report(at, `there is no provider type "${type}". ${hint}`)
  return undefined
}

function compileBaseUrl(
  raw: RawProvider,
  path: Path,
  { report }: CompileContext,
  info: ProviderTypeInfo | undefined,
): string {
  if (raw.base_url === undefined) {
    if (info && info.type !== 'demo')
      report(path, `${showPath(path)} needs "base_url": type ${info.type} has no default.`, 'key')
    return ''
  }
  const at = [...path, 'base_url']
  const problem = baseUrlProblem(raw.base_url)
  if (problem) report(at, `${showPath(at)} ${problem}`)
  return raw.base_url.replace(/\/+$/, '')
}

/** What is wrong with a base URL, as the end of a sentence; null: nothing. It never repeats the URL. */
export function baseUrlProblem(text: string): string | null {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || !/^https?:\/\/[^/]/i.test(text))
    return 'must be an http or https URL such as https://api.example.com/v1.'
  if (url.username || url.password) return 'must not hold credentials; they belong under keys.'
  if (url.search || url.hash) return 'must end with the path, without "?" or "#".'
  return /\s/.test(text) ? 'must not contain spaces.' : null
}

function compileKeys(
  raw: RawProvider,
  path: Path,
  context: CompileContext,
): readonly ProviderKeyConfig[] | null {
  if (!raw.keys) return null
  const at = (i: number, ...rest: string[]): Path => [...path, 'keys', i, ...rest]
  const keys = raw.keys.map((key, i) => compileKey(key, i, raw.type ?? '', at, context))
  reportRepeated(
    keys,
    (key) => key.name,
    (i) => context.report(at(i, 'name'), `there are two keys named "${keys[i]?.name}".`),
  )
  if (keys.every((key) => key.weight === 0))
    context.report([...path, 'keys'], 'all weights are 0, so no key could be chosen.', 'key')
  // An empty value is how a file says "none, if the variable is empty".
  const usable = keys.filter((key, i) => {
    if (key.value !== '') return true
    context.warn(`${showPath(at(i))} has an empty value and is left out.`)
    return false
  })
  return usable.length === 0 ? null : usable
}

function compileKey(
  key: RawProviderKey,
  i: number,
  type: string,
  at: (i: number, ...rest: string[]) => Path,
  context: CompileContext,
): ProviderKeyConfig {
  const { name: given, value, weight, models, quota_group, ...cloudSettings } = key
  const name = given ?? `key-${i + 1}`
  const cloud: Record<string, string> = { ...cloudSettings }
  if (cloud['credentials_file'] !== undefined)
    cloud['credentials_file'] = resolve(context.folder, cloud['credentials_file'])
  if (!cloudTypes.includes(type)) {
    for (const setting of Object.keys(cloudSettings))
      context.report(at(i, setting), `"${setting}" is for ${cloudTypes.join(' and ')} only.`, 'key')
    if (value === undefined)
      context.report(at(i), `${showPath(at(i))} needs "value", best as "\${NAME}".`)
  }
  if (value !== undefined && /[^\x20-\x7e]|^\s|\s$/.test(value))
    context.report(
      at(i, 'value'),
      `${showPath(at(i, 'value'))} has spaces at its ends or characters no key has.`,
    )
  return {
    name,
    value: value ?? null,
    weight,
    models: models ?? null,
    quotaGroup: quota_group ?? `key:${name}`,
    cloud,
  }
}

function compileHeaders(
  raw: RawProvider,
  path: Path,
  { report }: CompileContext,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(raw.headers)) {
    const at = [...path, 'headers', name]
    const lower = name.toLowerCase()
    if (ownHeaders.test(name)) report(at, `the gateway sets the header "${name}" itself.`, 'key')
    else if (Object.hasOwn(headers, lower))
      report(at, `the header "${name}" is given twice.`, 'key')
    // Anything else would be refused, or split into two headers, when it is sent.
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      report(at, `the value of header "${name}" has characters a header cannot carry.`)
    headers[lower] = value
  }
  return headers
}

function compileTimeouts(raw: RawProvider, path: Path, context: CompileContext): TimeoutsConfig {
  const { timeouts } = raw
  const ms = (name: keyof typeof timeouts, text: string): number =>
    timerMs(text, [...path, 'timeouts', name], context)
  const { first_byte, first_token } = timeouts
  return {
    connectMs: ms('connect', timeouts.connect),
    firstByteMs: first_byte === undefined ? null : ms('first_byte', first_byte),
    firstTokenMs: first_token === undefined ? null : ms('first_token', first_token),
    idleMs: ms('idle', timeouts.idle),
    totalMs: ms('total', timeouts.total),
    streamTotalMs: ms('stream_total', timeouts.stream_total),
    jobMs: ms('job', timeouts.job),
  }
}

function compileProxy(
  raw: RawProvider,
  baseUrl: string,
  path: Path,
  context: CompileContext,
): string | null {
  const at = [...path, 'proxy']
  if (raw.proxy !== undefined) {
    if (!isProxyUrl(raw.proxy))
      context.report(at, `${showPath(at)} must be an http URL such as http://proxy:3128.`)
    return raw.proxy
  }
  const found = baseUrl === '' ? null : environmentProxy(baseUrl, context.env)
  if (!found || isProxyUrl(found.proxy)) return found?.proxy ?? null
  context.warn(`${found.name} is no http URL; ${showPath(path)} goes without a proxy.`)
  return null
}

function compileCertificate(
  raw: RawProvider,
  path: Path,
  { report }: CompileContext,
): string | null {
  const ca = raw.tls?.ca
  if (ca === undefined) return null
  if (!ca.includes('-----BEGIN CERTIFICATE-----'))
    report(
      [...path, 'tls', 'ca'],
      `this is no certificate in PEM form. To read it from a file write "\${file:ca.pem}".`,
    )
  return ca
}
