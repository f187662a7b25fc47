import { baseUrlOfKeys, hasBaseUrlOfKeys, secretSettings } from './cloud-keys.ts'
import type { CompileContext } from './compile-context.ts'
import { compileProvider, completeProvider } from './compile-provider.ts'
import type { ProviderConfig, ProviderKeyConfig } from './config.ts'
import type { ConfigDocument } from './document.ts'
import type { ProviderTypeInfo } from './provider-type.ts'
import type { RawConfig, RawProvider, RawProviderKey } from './schema.ts'
import { isRecord, nodeAt, type Path, rootNode, showPath, withDefaults } from './schema-node.ts'
import { validateDocument } from './validate.ts'

type Words = Readonly<Record<string, unknown>>

/** A provider that stands in no file, in the words a file has for it. */
export interface StoredWords {
  readonly name: string
  /** What a file says below the name, but for `keys`. */
  readonly settings: Words
  /** Each as a file has it, with its name and its secrets. */
  readonly keys: readonly Words[]
}

/** `param` is where it stands below the provider: `base_url`, `keys[0].value`; empty: the provider as a whole. */
export interface StoredProblem {
  readonly param: string
  readonly message: string
}

export interface StoredCompiled {
  /** Null where there are problems. */
  readonly provider: ProviderConfig | null
  readonly problems: readonly StoredProblem[]
  readonly warnings: readonly string[]
  /** It is as it should be, and has nothing to be called with until it has a key. */
  readonly needsKeys: boolean
}

export interface StoredContext {
  readonly types: readonly ProviderTypeInfo[]
  readonly env: CompileContext['env']
}

/** What is said by the API is compiled by the same code as what stands in the file, and may say less. Never throws. */
export function compileStored(
  { name, settings, keys }: StoredWords,
  { types, env }: StoredContext,
): StoredCompiled {
  const problems: StoredProblem[] = []
  const warnings: string[] = []
  const own: Path = ['providers', name]
  const report = (path: Path, message: string): void => {
    problems.push({ param: showPath(path.slice(own.length)), message })
  }
  const given = { allow_private_network: false, ...settings, ...(keys.length > 0 && { keys }) }
  reportForeign(given, own, report)
  if (problems.length === 0) validateDocument(documentOf(name, given), report)
  if (problems.length > 0) return { provider: null, problems, warnings, needsKeys: false }
  const raw = completed(name, given, types)
  const info = types.find(({ type }) => type === raw.type)
  const waits = keys.length === 0 && raw.base_url === undefined && hasBaseUrlOfKeys(raw.type ?? '')
  const provider = compileProvider(name, waits ? { ...raw, base_url: anyUrl } : raw, {
    report,
    warn: (message) => void warnings.push(message),
    isGiven: (path) => valueAt(given, path.slice(own.length)) !== undefined,
    types,
    // What needs one takes the identity of this machine, which is refused above.
    hasPackage: () => false,
    env,
    folder: '/',
  })
  return {
    provider: problems.length > 0 || waits ? null : provider,
    problems,
    warnings: keys.length === 0 ? [] : warnings,
    needsKeys: waits || (keys.length === 0 && info?.needsKey === true),
  }
}

/** A key beside those that a provider of the file has, or an address of its own would lead elsewhere. */
export function compileStoredKey(
  { name, type, baseUrl, keys }: Pick<ProviderConfig, 'name' | 'type' | 'baseUrl' | 'keys'>,
  key: Words,
  context: StoredContext,
): { readonly key: ProviderKeyConfig | null; readonly problems: readonly StoredProblem[] } {
  const settings = { type, ...(baseUrl !== '' && { base_url: baseUrl }) }
  // Beside others it may weigh nothing.
  const weighed = key['weight'] === 0 ? { ...key, weight: 1 } : key
  const { provider, problems } = compileStored({ name, settings, keys: [weighed] }, context)
  const made = provider?.keys?.[0]
  if (!made) return { key: null, problems }
  const isFromKeys = (keys ?? []).some(
    ({ cloud }) =>
      baseUrlOfKeys(type, [cloud as Partial<RawProviderKey> as RawProviderKey]) === baseUrl,
  )
  if (isFromKeys && baseUrlOfKeys(type, [key as RawProviderKey]) !== baseUrl) {
    const message = `this key is for another place than the other keys of "${name}". Put it under a provider of its own.`
    return { key: null, problems: [{ param: 'keys[0]', message }] }
  }
  return { key: key['weight'] === 0 ? { ...made, weight: 0 } : made, problems: [] }
}

/** Only to see what else is wrong while the address is not known yet. */
const anyUrl = 'https://address.invalid'

function completed(name: string, given: Words, types: readonly ProviderTypeInfo[]): RawProvider {
  const node = nodeAt(['providers', name]) ?? rootNode
  return completeProvider(name, withDefaults(node, given) as RawProvider, types)
}

function documentOf(name: string, given: Words): ConfigDocument {
  const value: Partial<RawConfig> = { version: 1, providers: { [name]: given as RawProvider } }
  return {
    text: '',
    value,
    problems: [],
    misformed: false,
    names: new Set(),
    files: [],
    entries: [],
    entry: () => undefined,
    position: () => ({ line: 1, column: 1 }),
  }
}

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (at, step) => (at as Record<string | number, unknown> | undefined)?.[step],
    value,
  )

type ReportText = (path: Path, message: string) => void

const clouds = [
  'https://login.microsoftonline.com',
  'https://login.microsoftonline.us',
  'https://login.partner.microsoftonline.cn',
]

/** What a file may say and the API may not: what reaches into the machine, or lends out its identity. */
function reportForeign(given: Words, own: Path, report: ReportText): void {
  eachText(given, own, (path, text) => {
    if (text.includes(`\${`))
      report(
        path,
        'references are resolved in the configuration file alone. Give the value itself.',
      )
    else if (text.includes('\0') || !text.isWellFormed())
      report(path, `${showPath(path)} has characters that cannot be kept.`)
  })
  if (given['proxy'] !== undefined && given['allow_private_network'] !== true)
    report(
      [...own, 'proxy'],
      '"proxy" needs "allow_private_network: true": where a proxy leads cannot be seen from here.',
    )
  const keys = Array.isArray(given['keys']) ? (given['keys'] as unknown[]) : []
  for (const [i, key] of keys.entries())
    if (isRecord(key)) reportForeignKey(key, [...own, 'keys', i], report)
}

function reportForeignKey(key: Words, path: Path, report: ReportText): void {
  for (const setting of ['credentials_file', 'profile'])
    if (key[setting] !== undefined)
      report(
        [...path, setting],
        `"${setting}" names something on the machine of the gateway. Put such a key into the configuration file.`,
      )
  const secrets = ['value', ...secretSettings].filter((name) => key[name] !== undefined)
  for (const name of secrets)
    if (key[name] === '') report([...path, name], `"${name}" must not be empty.`)
  if (secrets.length === 0)
    report([...path, 'value'], 'a key needs a credential: "value", or the pair its type has.')
  const { authority } = key
  if (authority !== undefined && !clouds.includes(String(authority).replace(/\/+$/, '')))
    report([...path, 'authority'], `"authority" must be one of ${clouds.join(', ')}.`)
}

const deepest = 24

function eachText(value: unknown, path: Path, see: ReportText): void {
  if (typeof value === 'string') see(path, value)
  // No setting is as deep, so the check of the settings refuses it further up.
  else if (path.length > deepest) return
  else if (Array.isArray(value))
    value.forEach((item, i) => {
      eachText(item, [...path, i], see)
    })
  else if (isRecord(value))
    for (const [name, item] of Object.entries(value)) eachText(item, [...path, name], see)
}
