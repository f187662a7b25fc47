import { resolve } from 'node:path'
import { baseUrlOfKeys, checkKeySettings, hasBaseUrlOfKeys, isEmptyKey } from './cloud-keys.ts'
import { compileAllowance } from './compile-allowance.ts'
import { type CompileContext, reportRepeated } from './compile-context.ts'
import { compileFetchImages } from './compile-fetch-images.ts'
import { compileRetries, compileTimeouts } from './compile-timeouts.ts'
import type { ProviderConfig, ProviderKeyConfig } from './config.ts'
import { nearestName } from './nearest.ts'
import type { ProviderTypeInfo } from './provider-type.ts'
import { baseUrlProblem } from './provider-url.ts'
import { environmentProxy, isProxyUrl } from './proxy.ts'
import type { RawProvider, RawProviderKey } from './schema.ts'
import { type Path, showPath } from './schema-node.ts'

const defaultAzureVersion = '2024-10-21'
// Those the gateway writes itself: a second one would break the request or its framing.
const ownHeaders = /^(host|connection|content-length|transfer-encoding|upgrade|te|trailer|expect)$/i

/** Fills in what depends on the provider's name and type. */
export function completeProvider(
  name: string,
  raw: RawProvider,
  types: readonly ProviderTypeInfo[],
): RawProvider {
  const type = raw.type ?? (types.some((info) => info.type === name) ? name : undefined)
  const info = types.find((one) => one.type === type)
  const fromKeys = info ? baseUrlOfKeys(info.type, raw.keys ?? []) : null
  const baseUrl = raw.base_url ?? info?.defaultBaseUrl ?? fromKeys
  const version = raw.api_version ?? (type === 'azure' ? defaultAzureVersion : undefined)
  return {
    ...raw,
    ...(type === undefined ? {} : { type }),
    ...(baseUrl ? { base_url: baseUrl } : {}),
    ...(version === undefined ? {} : { api_version: version }),
  }
}

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
    retries: compileRetries(raw, path, context),
    maxConcurrency: raw.max_concurrency,
    ...compileAllowance(raw),
    apiVersion: raw.api_version ?? null,
    deployments: raw.deployments ? new Map(Object.entries(raw.deployments)) : null,
    dropUnsupported: raw.drop_unsupported,
    fetchImages: compileFetchImages(raw, path, context),
    reach: reachOf(raw),
  }
}

function reachOf({ allow_private_network: allowed }: RawProvider): ProviderConfig['reach'] {
  if (allowed === undefined) return 'any'
  return allowed ? 'private' : 'public'
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
      report(path, `${showPath(path)} needs "base_url": ${whyNoDefault(info, raw)}.`, 'key')
    return ''
  }
  const at = [...path, 'base_url']
  const problem = baseUrlProblem(raw.base_url)
  if (problem) report(at, `${showPath(at)} ${problem}`)
  return raw.base_url.replace(/\/+$/, '')
}

function whyNoDefault({ type }: ProviderTypeInfo, { keys }: RawProvider): string {
  if (!hasBaseUrlOfKeys(type)) return `type ${type} has no default`
  return keys
    ? 'its keys do not lead to one address. Put those of other places under a provider of their own'
    : `for type ${type} it follows from the keys, and there are none`
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
    (i) =>
      context.report(
        at(i, 'name'),
        `there are two keys named "${keys[i]?.name}". Give each a name of its own.`,
      ),
  )
  // An empty value is how a file says "none, if the variable is empty".
  const usable = keys.filter((_, i) => {
    const given = raw.keys?.[i]
    if (!given || !isEmptyKey(given)) return true
    context.warn(`${showPath(at(i))} has an empty value and is left out.`)
    return false
  })
  if (usable.length > 0 && usable.every((key) => key.weight === 0))
    context.report(
      [...path, 'keys'],
      'all weights are 0, so no key could be chosen. Give at least one key a weight above 0.',
      'key',
    )
  return usable.length === 0 ? null : usable
}

function compileKey(
  key: RawProviderKey,
  i: number,
  type: string,
  at: (i: number, ...rest: string[]) => Path,
  context: CompileContext,
): ProviderKeyConfig {
  const { name: given, value, weight, models, quota_group, ...settings } = key
  const name = given ?? `key-${i + 1}`
  const cloud: Record<string, string> = { ...settings }
  if (cloud['credentials_file'] !== undefined)
    cloud['credentials_file'] = resolve(context.folder, cloud['credentials_file'])
  checkKeySettings(key, type, at(i), context)
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
