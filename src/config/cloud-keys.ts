import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { CompileContext } from './compile-context.ts'
import { baseUrlProblem } from './provider-url.ts'
import type { RawProviderKey } from './schema.ts'
import { type Path, showPath } from './schema-node.ts'

type Setting = Exclude<keyof RawProviderKey, 'name' | 'weight' | 'models' | 'quota_group'>

/** One way to say who calls. */
interface Form {
  /** They go together. None: what is there without any. */
  readonly settings: readonly Setting[]
  readonly optional?: readonly Setting[]
  /** What must be installed for it. */
  readonly needs?: string
}

interface Place {
  readonly setting: Setting
  readonly example: string
  /** Environment names; the first that is set wins. */
  readonly env: readonly string[]
}

interface KeyShape {
  /** What says where; always needed. */
  readonly where: readonly Place[]
  readonly forms: readonly Form[]
  baseUrl?(key: Readonly<Partial<Record<Setting, string>>>): string | null
}

const awsPackage = '@aws-sdk/credential-providers'
const googlePackage = 'google-auth-library'
const plain: KeyShape = { where: [], forms: [{ settings: ['value'] }] }

const shapes: Readonly<Record<string, KeyShape>> = {
  bedrock: {
    where: [
      {
        setting: 'region',
        example: 'eu-central-1',
        env: ['AWS_REGION', 'AWS_DEFAULT_REGION'],
      },
    ],
    forms: [
      { settings: ['value'] },
      { settings: ['access_key_id', 'secret_access_key'], optional: ['session_token'] },
      { settings: [], optional: ['profile'], needs: awsPackage },
    ],
    baseUrl: ({ region }) => {
      if (region === undefined) return null
      const top = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
      return `https://bedrock-runtime.${region}.${top}`
    },
  },
  vertex: {
    where: [
      { setting: 'project', example: 'my-project', env: ['GOOGLE_CLOUD_PROJECT'] },
      { setting: 'location', example: 'global', env: ['GOOGLE_CLOUD_LOCATION'] },
    ],
    forms: [
      { settings: ['value'] },
      { settings: ['credentials_file'], needs: googlePackage },
      { settings: [], needs: googlePackage },
    ],
    baseUrl: ({ location }) => {
      if (location === undefined) return null
      if (location === 'global') return 'https://aiplatform.googleapis.com/v1'
      // Several regions together have another kind of name than one.
      if (location === 'us' || location === 'eu')
        return `https://aiplatform.${location}.rep.googleapis.com/v1`
      return `https://${location}-aiplatform.googleapis.com/v1`
    },
  },
  azure: {
    where: [],
    forms: [
      { settings: ['value'] },
      {
        settings: ['tenant_id', 'client_id', 'client_secret'],
        optional: ['authority', 'scope'],
      },
    ],
  },
}

const shapeOf = (type: string): KeyShape =>
  Object.hasOwn(shapes, type) ? (shapes[type] ?? plain) : plain

const allOf = ({ where, forms }: KeyShape): readonly Setting[] => [
  ...where.map(({ setting }) => setting),
  ...forms.flatMap(touching),
]
const touching = ({ settings, optional = [] }: Form): readonly Setting[] => [
  ...settings,
  ...optional,
]

/** Settings of a key that nobody may see, besides `value`. */
export const secretSettings = [
  'access_key_id',
  'secret_access_key',
  'session_token',
  'client_secret',
] as const

/** The address that follows from where all keys are; null: they do not say, or not the same. */
export function baseUrlOfKeys(type: string, keys: readonly RawProviderKey[]): string | null {
  const { baseUrl } = shapeOf(type)
  const found = new Set(keys.map((key) => baseUrl?.(key) ?? null))
  const [only = null] = found
  return found.size === 1 && only !== null && baseUrlProblem(only) === null ? only : null
}

/** Whether a type's address follows from its keys. */
export const hasBaseUrlOfKeys = (type: string): boolean => shapeOf(type).baseUrl !== undefined

/** What the environment says of where a key of this type is; `missing` names the first that it does not. */
export function placeFromEnvironment(
  type: string,
  env: Readonly<Record<string, string | undefined>>,
): { readonly settings: Readonly<Record<string, string>>; readonly missing: string | null } {
  const settings: Record<string, string> = {}
  for (const { setting, env: names } of shapeOf(type).where) {
    const value = names.map((name) => env[name]).find((each) => each)
    if (value === undefined) return { settings, missing: names[0] ?? null }
    settings[setting] = value
  }
  return { settings, missing: null }
}

/** Whether what it has of a credential is empty, which is how a file says "none, if the variable is empty". */
export function isEmptyKey(key: RawProviderKey): boolean {
  const given = ['value', ...secretSettings].flatMap((name) => key[name as Setting] ?? [])
  return given.length > 0 && given.every((value) => value === '')
}

/** Reports what a key of this type may not have, lacks, or has in two ways at once. */
export function checkKeySettings(
  key: RawProviderKey,
  type: string,
  path: Path,
  context: CompileContext,
): void {
  const { report } = context
  const shape = shapeOf(type)
  const { name: _, weight: __, models: ___, quota_group: ____, ...given } = key
  const known = allOf(shape)
  for (const setting of Object.keys(given) as Setting[])
    if (!known.includes(setting))
      report([...path, setting], `"${setting}" is for ${typesWith(setting)} only.`, 'key')
  for (const { setting, example } of shape.where)
    if (given[setting] === undefined)
      report(path, `${showPath(path)} needs "${setting}", such as ${example}.`)
  checkForms(shape, given, path, context)
  checkTexts(given, path, context)
}

function typesWith(setting: Setting): string {
  const types = Object.keys(shapes).filter((type) => allOf(shapeOf(type)).includes(setting))
  return `keys of type ${types.join(' and ')}`
}

function checkForms(
  { forms }: KeyShape,
  given: Partial<Record<Setting, string>>,
  path: Path,
  { report, hasPackage }: CompileContext,
): void {
  const touched = forms.filter((form) =>
    touching(form).some((setting) => given[setting] !== undefined),
  )
  const [form = forms.find(({ settings }) => settings.length === 0), other] = touched
  if (form && other) {
    const [one, two] = [form, other].map((each) =>
      touching(each).find((setting) => given[setting] !== undefined),
    )
    report(path, `${showPath(path)} has both "${one}" and "${two}". Keep one of them.`)
    return
  }
  if (!form) {
    const ways = forms.map(({ settings }) => settings.map((each) => `"${each}"`).join(', '))
    report(path, `${showPath(path)} needs ${ways.join(', or ')}, best as "\${NAME}".`)
    return
  }
  const missing = form.settings.filter((setting) => given[setting] === undefined)
  const [present] = touching(form).filter((setting) => given[setting] !== undefined)
  for (const setting of missing)
    report(path, `${showPath(path)} needs "${setting}" beside "${present}".`)
  if (missing.length > 0 || form.needs === undefined || hasPackage(form.needs)) return
  const why = form.settings.length > 0 ? `"${form.settings[0]}"` : 'a key without a credential'
  report(
    path,
    `${showPath(path)}: ${why} needs the package ${form.needs}, which is not installed. Run "npm install ${form.needs}" beside Sluice, or give "value".`,
  )
}

// They become part of an address.
const names = /^[a-z0-9][a-z0-9-]*$/
const shapesOfTexts: readonly (readonly [Setting, RegExp, string])[] = [
  ['region', names, 'a region such as eu-central-1'],
  ['location', names, 'a location such as europe-west4 or global'],
  ['project', /^[a-z0-9][a-z0-9.:-]*$/, 'the id or the number of a project'],
  ['tenant_id', /^[A-Za-z0-9][A-Za-z0-9.-]*$/, 'the id or the domain of a tenant'],
]

function checkTexts(
  given: Partial<Record<Setting, string>>,
  path: Path,
  context: CompileContext,
): void {
  const { report } = context
  for (const [setting, pattern, wanted] of shapesOfTexts) {
    const text = given[setting]
    if (text !== undefined && !pattern.test(text))
      report([...path, setting], `${showPath([...path, setting])} must be ${wanted}.`)
  }
  for (const setting of ['value', ...secretSettings, 'client_id', 'profile', 'scope'] as const) {
    const text = given[setting]
    const at = [...path, setting]
    if (text !== undefined && /[^\x20-\x7e]|^\s|\s$/.test(text))
      report(at, `${showPath(at)} has spaces at its ends or characters no key has.`)
    else if (text === '' && setting !== 'value' && !isEmptyKey(given as RawProviderKey))
      report(at, `${showPath(at)} is empty.`)
  }
  const { authority, credentials_file: file } = given
  const problem = authority === undefined ? null : baseUrlProblem(authority)
  if (problem) report([...path, 'authority'], `${showPath([...path, 'authority'])} ${problem}`)
  if (file !== undefined) checkFile(resolve(context.folder, file), path, context)
}

function checkFile(file: string, path: Path, { report }: CompileContext): void {
  const at = [...path, 'credentials_file']
  try {
    if (!statSync(file).isFile()) report(at, `${showPath(at)}: ${file} is no file.`)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    report(at, `${showPath(at)}: ${file} cannot be read (${code}).`)
  }
}
