import type {
  listProviders,
  ProviderKeyResource,
  ProviderResource,
  testProvider,
} from '../../../../src/api/admin/contract-providers.ts'
import type { Answer } from '../../data/ask.ts'

export type Provider = ProviderResource
export type ProviderKey = ProviderKeyResource
export type ProviderPage = Answer<typeof listProviders>
export type Tested = Answer<typeof testProvider>

export const providersPath = '/api/providers'
/** What a change of a provider may show anew. */
export const rereads = [providersPath, '/api/health/targets', '/api/models']

/** By its id where its name means another one. */
export const pathOf = ({ id, name, shadowed }: Provider): string =>
  `${providersPath}/${encodeURIComponent(shadowed ? id : name)}`
export const keyPathOf = ({ provider, id }: ProviderKey): string =>
  `${providersPath}/${encodeURIComponent(provider)}/keys/${encodeURIComponent(id)}`

type Words = Readonly<Record<string, unknown>>
const isWords = (value: unknown): value is Words =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What turns one block of settings into another: what is not in it any more is null. */
export function changeBetween(before: Words, after: Words): Words {
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name))
  const kept = Object.entries(after).flatMap(([name, value]) => {
    const old = before[name]
    if (JSON.stringify(old) === JSON.stringify(value)) return []
    return [[name, isWords(old) && isWords(value) ? changeBetween(old, value) : value] as const]
  })
  return Object.fromEntries([...gone.map((name) => [name, null] as const), ...kept])
}

export interface KeyFieldShape {
  readonly name: string
  readonly label: string
  readonly isSecret?: true
}

const value: KeyFieldShape = { name: 'value', label: 'Credential', isSecret: true }

/** What a key of a type is made of. */
export function keyFieldsOf(type: string | null): readonly KeyFieldShape[] {
  if (type === 'bedrock')
    return [
      { name: 'region', label: 'Region' },
      { ...value, label: 'API key' },
      { name: 'access_key_id', label: 'or access key id', isSecret: true },
      { name: 'secret_access_key', label: 'and secret access key', isSecret: true },
    ]
  if (type === 'vertex')
    return [
      { name: 'project', label: 'Project' },
      { name: 'location', label: 'Location' },
      { ...value, label: 'Access token' },
    ]
  if (type === 'azure')
    return [
      { ...value, label: 'API key' },
      { name: 'tenant_id', label: 'or tenant' },
      { name: 'client_id', label: 'and client id' },
      { name: 'client_secret', label: 'and client secret', isSecret: true },
    ]
  return [value]
}

export function namesIn(text: string): readonly string[] | null {
  const names = text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
  return names.length > 0 ? names : null
}
