import Type, { type Static } from 'typebox'
import {
  fails,
  labelled,
  managed,
  metadata,
  reading,
  shadowed,
  sinceVersion,
} from './contract-allowance.ts'
import {
  block,
  choice,
  duration,
  flag,
  name,
  orNull,
  pageOf,
  paging,
  restriction,
  text,
  whole,
} from './contract-leaf.ts'
import { operation } from './operation.ts'

const origin = choice(['file', 'api'], { description: 'Where it was made.' })
const problem = orNull(Type.String(), {
  description: 'Why it is not in force; null: nothing is wrong.',
})
/** What the configuration file's own code checks. */
const settings = (description: string) =>
  Type.Object({}, { additionalProperties: true, title: 'a block of settings', description })

const secret = (description: string) =>
  Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 16_384,
      title: 'text of 1 to 16384 characters',
      writeOnly: true,
      description,
    }),
  )
const place = (description: string) =>
  Type.Optional(orNull(text(), { title: 'text, or null for none', description }))

/** They are written and never shown. */
const secretFields = {
  value: secret('The credential itself.'),
  access_key_id: secret('Bedrock, with `secret_access_key`.'),
  secret_access_key: secret('Bedrock.'),
  session_token: secret('Bedrock: of temporary credentials.'),
  client_secret: secret('Azure, by Microsoft Entra: with `tenant_id` and `client_id`.'),
}

const keyFields = {
  enabled: Type.Optional(flag()),
  weight: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 1_000_000,
      title: 'a number from 0 to 1000000',
      description: 'Share of the calls against the other keys; 1.',
    }),
  ),
  models: Type.Optional(
    restriction({ description: 'The models it serves, `*` for any characters.' }),
  ),
  quota_group: place('Keys of one group share a quota of the provider.'),
  region: place('Bedrock.'),
  project: place('Vertex.'),
  location: place('Vertex.'),
  tenant_id: place('Azure, by Microsoft Entra.'),
  client_id: place('Azure, by Microsoft Entra.'),
  authority: place('Azure, by Microsoft Entra: where tokens come from.'),
  scope: place('Azure, by Microsoft Entra.'),
  metadata,
}

export const ProviderKeySchema = Type.Object(
  {
    object: Type.Literal('provider_key'),
    id: Type.String(),
    provider: Type.String(),
    name: Type.String(),
    hint: Type.String({ description: 'The end of its credential, or less.' }),
    origin,
    shadowed,
    enabled: Type.Boolean(),
    weight: Type.Number(),
    models: orNull(Type.Array(Type.String())),
    quota_group: orNull(Type.String()),
    settings: Type.Object(
      {},
      { additionalProperties: true, description: 'Where it is for, such as `region`.' },
    ),
    problem,
    ...labelled,
    ...managed,
  },
  { $id: 'ProviderKey', description: 'A key of a provider, without its credential.' },
)
export type ProviderKeyResource = Static<typeof ProviderKeySchema>

export const ProviderSchema = Type.Object(
  {
    object: Type.Literal('provider'),
    id: Type.String(),
    name: Type.String(),
    origin,
    shadowed,
    type: orNull(Type.String()),
    base_url: orNull(Type.String(), { description: 'Null: none, or not known yet.' }),
    settings: Type.Object(
      {},
      {
        additionalProperties: true,
        description:
          'What a file says below its name, secrets masked. Of a provider of the file: what is in force.',
      },
    ),
    keys: Type.Array(ProviderKeySchema, {
      description: "Also of a provider of the file: the file's, then those that were made here.",
    }),
    problem,
    warnings: Type.Array(Type.String()),
    ...labelled,
    ...managed,
  },
  { $id: 'Provider', description: 'Whom calls go to.' },
)
export type ProviderResource = Static<typeof ProviderSchema>

const providerName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
  title: 'a provider name of 1 to 64 letters, digits, dots, dashes and underscores',
})
const inForce = 'In force at once here, within a second elsewhere; calls under way go on.'

export const listProviders = operation({
  id: 'listProviders',
  method: 'GET',
  path: '/api/providers',
  summary: "List providers, the file's first, then the newest",
  query: block({
    ...paging,
    search: Type.Optional(text({ description: 'Part of the name, in any case.' })),
    managed_by: Type.Optional(choice(['api', 'file'])),
  }),
  body: null,
  reply: pageOf(ProviderSchema),
})

export const createProvider = operation({
  id: 'createProvider',
  method: 'POST',
  path: '/api/providers',
  summary: 'Make a provider',
  description: `\`settings\` is what the configuration file says below a provider's name, without \`keys\`. Only public addresses are reached unless \`allow_private_network\` is true. ${inForce}`,
  query: null,
  body: block({
    name: providerName,
    settings: settings('As in the configuration file, without `keys`.'),
    metadata,
  }),
  reply: ProviderSchema,
  status: 201,
  example: { name: 'groq', settings: { type: 'groq', timeouts: { total: '60s' } } },
  fails: [409, 413, 415],
})

export const getProvider = operation({
  id: 'getProvider',
  method: 'GET',
  path: '/api/providers/{name}',
  summary: 'Show a provider',
  description: 'By its name, or by its id where it is shadowed.',
  ...reading,
  reply: ProviderSchema,
})

export const updateProvider = operation({
  id: 'updateProvider',
  method: 'PATCH',
  path: '/api/providers/{name}',
  summary: 'Change a provider',
  description: `A setting that is absent stays, null takes it away, at any depth. ${inForce} ${sinceVersion}`,
  query: null,
  body: block(
    { settings: Type.Optional(settings('Merged into those there are.')), metadata },
    { minProperties: 1 },
  ),
  reply: ProviderSchema,
  example: { settings: { timeouts: { total: '30s' } } },
  fails,
})

export const deleteProvider = operation({
  id: 'deleteProvider',
  method: 'DELETE',
  path: '/api/providers/{name}',
  summary: 'Delete a provider',
  description: 'Its keys are to be deleted before. Calls under way end well.',
  query: null,
  body: null,
  reply: ProviderSchema,
  fails: [404, 409, 412],
})

const testResult = Type.Object({
  key: orNull(Type.String(), { description: 'Null: it is called without one.' }),
  ok: Type.Boolean(),
  model: Type.String(),
  status: orNull(Type.Integer(), { description: 'What the provider answered; null: nothing.' }),
  error: orNull(Type.String(), { description: 'The class of the failure.' }),
  message: orNull(Type.String(), { description: 'In our words: never what the provider said.' }),
  latency_ms: orNull(Type.Integer()),
  attempts: whole({ description: 'How often it was asked.' }),
})

export const testProvider = operation({
  id: 'testProvider',
  method: 'POST',
  path: '/api/providers/{name}/test',
  summary: 'Make a small call with each key of a provider',
  description:
    'A call like any other, which costs a few tokens and is written down: with one key, or with each that serves the model.',
  query: null,
  body: block({
    key: Type.Optional(text({ description: 'The name of one of its keys; absent: each.' })),
    model: orNull(text(), {
      title: 'the name of a model, or null for the first that is known',
      description: 'Without the name of the provider.',
    }),
    timeout: Type.Optional(duration({ description: 'At most 60s; 10s.' })),
  }),
  reply: Type.Object({
    object: Type.Literal('provider_test'),
    provider: Type.String(),
    results: Type.Array(testResult),
  }),
  example: { model: 'hello' },
  fails: [404, 409, 413, 415],
})

export const listProviderKeys = operation({
  id: 'listProviderKeys',
  method: 'GET',
  path: '/api/providers/{name}/keys',
  summary: 'List the keys of a provider',
  query: block({ ...paging }),
  body: null,
  reply: pageOf(ProviderKeySchema),
  fails: [404],
})

export const createProviderKey = operation({
  id: 'createProviderKey',
  method: 'POST',
  path: '/api/providers/{name}/keys',
  summary: 'Give a provider a key',
  description: `Also one of the file, beside its own. The credential is kept encrypted and never shown again. ${inForce}`,
  query: null,
  body: block({ name: name(), ...secretFields, ...keyFields }),
  reply: ProviderKeySchema,
  status: 201,
  example: { name: 'main', value: 'sk-0123456789', weight: 2 },
  fails: [404, 409, 413, 415],
})

export const getProviderKey = operation({
  id: 'getProviderKey',
  method: 'GET',
  path: '/api/providers/{name}/keys/{key}',
  summary: 'Show a key of a provider',
  ...reading,
  reply: ProviderKeySchema,
})

export const updateProviderKey = operation({
  id: 'updateProviderKey',
  method: 'PATCH',
  path: '/api/providers/{name}/keys/{key}',
  summary: 'Change a key of a provider',
  description: `All but its credential: that is rotated. What is absent stays, null takes away. ${inForce} ${sinceVersion}`,
  query: null,
  body: block({ name: Type.Optional(name()), ...keyFields }, { minProperties: 1 }),
  reply: ProviderKeySchema,
  example: { weight: 3, models: ['gpt-4o*'] },
  fails,
})

export const rotateProviderKey = operation({
  id: 'rotateProviderKey',
  method: 'POST',
  path: '/api/providers/{name}/keys/{key}/rotate',
  summary: 'Give a key of a provider another credential',
  description: `All of the credential anew: what is absent is gone. ${inForce} ${sinceVersion}`,
  query: null,
  body: block(secretFields, { minProperties: 1 }),
  reply: ProviderKeySchema,
  example: { value: 'sk-9876543210' },
  fails,
})

const switching = (verb: 'enable' | 'disable', summary: string) =>
  operation({
    id: `${verb}ProviderKey`,
    method: 'POST',
    path: `/api/providers/{name}/keys/{key}/${verb}`,
    summary,
    query: null,
    body: null,
    reply: ProviderKeySchema,
    fails: [404, 409, 412],
  })
export const enableProviderKey = switching('enable', 'Switch a key of a provider on')
export const disableProviderKey = switching('disable', 'Switch a key of a provider off')

export const deleteProviderKey = operation({
  id: 'deleteProviderKey',
  method: 'DELETE',
  path: '/api/providers/{name}/keys/{key}',
  summary: 'Delete a key of a provider',
  query: null,
  body: null,
  reply: ProviderKeySchema,
  fails: [404, 409, 412],
})

export const providerOperations = [
  listProviders,
  createProvider,
  getProvider,
  updateProvider,
  deleteProvider,
  testProvider,
  listProviderKeys,
  createProviderKey,
  getProviderKey,
  updateProviderKey,
  rotateProviderKey,
  enableProviderKey,
  disableProviderKey,
  deleteProviderKey,
] as const
