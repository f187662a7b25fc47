import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { ProviderConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { type LoadedConfig, loadConfig, type ProviderTypeInfo } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-cloud-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'sa.json'), '{}')

const providerTypes: readonly ProviderTypeInfo[] = [
  { type: 'openai', defaultBaseUrl: 'https://api.openai.com/v1', envKeys: [], needsKey: true },
  { type: 'azure', defaultBaseUrl: null, envKeys: [], needsKey: true },
  { type: 'bedrock', defaultBaseUrl: null, envKeys: ['BEDROCK_KEY'], needsKey: true },
  { type: 'vertex', defaultBaseUrl: null, envKeys: [], needsKey: true },
]

interface Surroundings {
  readonly env?: Readonly<Record<string, string>>
  readonly packages?: readonly string[]
}

function load(text: string | null, { env = {}, packages = [] }: Surroundings = {}): LoadedConfig {
  const file = join(folder, 'sluice.yaml')
  if (text !== null) writeFileSync(file, text)
  return loadConfig({
    flags: text === null ? {} : { config: file },
    env,
    cwd: text === null ? join(folder, 'nothing') : folder,
    providerTypes,
    hasPackage: (name) => packages.includes(name),
  })
}

const providerOf = (text: string, around?: Surroundings): ProviderConfig => {
  const [provider] = load(
    `version: 1\nproviders:\n  p: ${text}\n`,
    around,
  ).config.providers.values()
  return provider as ProviderConfig
}

function problemsOf(text: string, around?: Surroundings): readonly string[] {
  try {
    providerOf(text, around)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ message }) => message)
    throw error
  }
  return []
}

const aws = '@aws-sdk/credential-providers'
const bedrock = (...keys: string[]): string => `{ type: bedrock, keys: [${keys.join(', ')}] }`
const vertex = (...keys: string[]): string => `{ type: vertex, keys: [${keys.join(', ')}] }`
const azure = (...keys: string[]): string =>
  `{ type: azure, base_url: https://a.example, keys: [${keys.join(', ')}] }`

test('every way to say who calls is accepted for its type', () => {
  for (const key of [
    '{ value: k, region: eu-central-1 }',
    '{ access_key_id: A, secret_access_key: s, region: us-east-1 }',
    '{ access_key_id: A, secret_access_key: s, session_token: t, region: us-east-1 }',
  ])
    assert.deepEqual(problemsOf(bedrock(key)), [], key)
  for (const key of ['{ region: us-east-1 }', '{ profile: team, region: us-east-1 }'])
    assert.deepEqual(problemsOf(bedrock(key), { packages: [aws] }), [], key)
  assert.deepEqual(problemsOf(vertex('{ value: t, project: p, location: global }')), [])
  for (const key of [
    '{ project: p, location: global }',
    '{ credentials_file: sa.json, project: "123", location: europe-west4 }',
  ])
    assert.deepEqual(problemsOf(vertex(key), { packages: ['google-auth-library'] }), [], key)
  for (const key of [
    '{ value: k }',
    '{ tenant_id: t, client_id: c, client_secret: s }',
    '{ tenant_id: t, client_id: c, client_secret: s, authority: https://login.microsoftonline.us, scope: https://cognitiveservices.azure.us/.default }',
  ])
    assert.deepEqual(problemsOf(azure(key)), [], key)
})

test('a settings file of Google is found from the folder of the configuration', () => {
  const { keys } = providerOf(
    vertex('{ credentials_file: sa.json, project: p, location: global }'),
    {
      packages: ['google-auth-library'],
    },
  )
  assert.deepEqual(keys?.[0]?.cloud, {
    credentials_file: join(folder, 'sa.json'),
    project: 'p',
    location: 'global',
  })
})

for (const [name, text, problems] of [
  [
    'a pair that is half given',
    bedrock('{ access_key_id: A, region: us-east-1 }'),
    ['providers.p.keys[0] needs "secret_access_key" beside "access_key_id".'],
  ],
  [
    'a session token alone',
    bedrock('{ session_token: t, region: us-east-1 }'),
    [
      'providers.p.keys[0] needs "access_key_id" beside "session_token".',
      'providers.p.keys[0] needs "secret_access_key" beside "session_token".',
    ],
  ],
  [
    'two ways at once',
    bedrock('{ value: k, access_key_id: A, secret_access_key: s, region: us-east-1 }'),
    ['providers.p.keys[0] has both "value" and "access_key_id". Keep one of them.'],
  ],
  [
    'no region',
    bedrock('{ value: k }'),
    [
      'providers.p needs "base_url": its keys do not lead to one address. Put those of other places under a provider of their own.',
      'providers.p.keys[0] needs "region", such as eu-central-1.',
    ],
  ],
  [
    'a region that would lead elsewhere',
    bedrock('{ value: k, region: "x.evil.example/" }'),
    ['providers.p.keys[0].region must be a region such as eu-central-1.'],
  ],
  [
    'regions that differ, without an address',
    bedrock('{ value: a, region: us-east-1 }', '{ value: b, region: us-west-2 }'),
    [
      'providers.p needs "base_url": its keys do not lead to one address. Put those of other places under a provider of their own.',
    ],
  ],
  [
    'no keys to take the address from',
    '{ type: bedrock }',
    [
      'providers.p needs "base_url": for type bedrock it follows from the keys, and there are none.',
    ],
  ],
  [
    'no project and no location',
    '{ type: vertex, base_url: https://v.example/v1, keys: [{ value: t }] }',
    [
      'providers.p.keys[0] needs "project", such as my-project.',
      'providers.p.keys[0] needs "location", such as global.',
    ],
  ],
  [
    'a setting of another type',
    '{ type: openai, keys: [{ value: k, region: us-east-1 }] }',
    ['"region" is for keys of type bedrock only.'],
  ],
  [
    'nothing at all',
    azure('{ name: a }'),
    [
      `providers.p.keys[0] needs "value", or "tenant_id", "client_id", "client_secret", best as "\${NAME}".`,
    ],
  ],
  [
    'an application without its secret',
    azure('{ tenant_id: t, client_id: c }'),
    ['providers.p.keys[0] needs "client_secret" beside "tenant_id".'],
  ],
  [
    'an authority that is no URL',
    azure('{ tenant_id: t, client_id: c, client_secret: s, authority: login.example }'),
    [
      'providers.p.keys[0].authority must be an http or https URL such as https://api.example.com/v1.',
    ],
  ],
  [
    'a secret of two lines',
    azure('{ tenant_id: t, client_id: c, client_secret: "a\\nb" }'),
    ['providers.p.keys[0].client_secret has spaces at its ends or characters no key has.'],
  ],
  [
    'a secret that is empty beside one that is not',
    bedrock('{ access_key_id: A, secret_access_key: "", region: us-east-1 }'),
    ['providers.p.keys[0].secret_access_key is empty.'],
  ],
] as const)
  test(`${name} is refused with the fix`, () => {
    assert.deepEqual(problemsOf(text), problems)
  })

test('a package that is needed and missing is named, with what to do', () => {
  for (const [text, name] of [
    [bedrock('{ region: us-east-1 }'), aws],
    [vertex('{ project: p, location: global }'), 'google-auth-library'],
    [vertex('{ credentials_file: sa.json, project: p, location: global }'), 'google-auth-library'],
  ] as const)
    assert.match(
      problemsOf(text).join(),
      new RegExp(`needs the package ${name}, .*npm install ${name}.*or give "value"`),
    )
})

test('a credentials file that is not there is told at once', () => {
  assert.match(
    problemsOf(vertex('{ credentials_file: nowhere.json, project: p, location: global }'), {
      packages: ['google-auth-library'],
    }).join(),
    /credentials_file: .*nowhere\.json cannot be read \(ENOENT\)/,
  )
})

test('the address follows from where the keys are', () => {
  const addressOf = (text: string): string => providerOf(text).baseUrl
  for (const [region, address] of [
    ['eu-central-1', 'https://bedrock-runtime.eu-central-1.amazonaws.com'],
    ['us-gov-west-1', 'https://bedrock-runtime.us-gov-west-1.amazonaws.com'],
    ['cn-north-1', 'https://bedrock-runtime.cn-north-1.amazonaws.com.cn'],
  ])
    assert.equal(addressOf(bedrock(`{ value: k, region: ${region} }`)), address)
  for (const [location, address] of [
    ['europe-west4', 'https://europe-west4-aiplatform.googleapis.com/v1'],
    ['global', 'https://aiplatform.googleapis.com/v1'],
    ['eu', 'https://aiplatform.eu.rep.googleapis.com/v1'],
  ])
    assert.equal(addressOf(vertex(`{ value: k, project: p, location: ${location} }`)), address)
  const given =
    '{ type: bedrock, base_url: https://b.example, keys: [{ value: a, region: us-east-1 }, { name: b, value: b, region: us-west-2 }] }'
  assert.equal(addressOf(given), 'https://b.example')
})

test('a key whose secrets are all empty is left out', () => {
  const text = `version: 1
providers:
  p:
    type: bedrock
    keys:
      - { name: a, access_key_id: "", secret_access_key: "", region: us-east-1 }
      - { name: b, value: k, region: us-east-1 }
`
  const { config, warnings } = load(text)
  assert.deepEqual(
    config.providers.get('p')?.keys?.map(({ name }) => name),
    ['b'],
  )
  assert.deepEqual(warnings, ['providers.p.keys[0] has an empty value and is left out.'])
})

test('secrets are masked where the effective configuration is shown', () => {
  const secrets = [
    'AKIAEXAMPLE1',
    'aws-secret-0123456789',
    'session-0123456789',
    'entra-0123456789',
  ]
  const { settings } = load(`version: 1
providers:
  a: ${bedrock(`{ access_key_id: ${secrets[0]}, secret_access_key: ${secrets[1]}, session_token: ${secrets[2]}, region: us-east-1 }`)}
  b: ${azure(`{ tenant_id: t, client_id: c, client_secret: ${secrets[3]} }`)}
`)
  const shown = JSON.stringify(settings)
  for (const secret of secrets) assert.ok(!shown.includes(secret), secret)
  assert.match(shown, /region=us-east-1/)
  assert.match(shown, /tenant_id=t/)
})

test('a key of the environment brings its region along, or is left out', () => {
  const found = load(null, { env: { BEDROCK_KEY: 'bedrock-key-1234', AWS_REGION: 'eu-west-1' } })
  const provider = found.config.providers.get('bedrock')
  assert.equal(provider?.baseUrl, 'https://bedrock-runtime.eu-west-1.amazonaws.com')
  assert.deepEqual(provider?.keys?.[0]?.cloud, { region: 'eu-west-1' })
  const { config, warnings } = load(null, { env: { BEDROCK_KEY: 'bedrock-key-1234' } })
  assert.equal(config.providers.has('bedrock'), false)
  assert.deepEqual(warnings.slice(0, 1), ['AWS_REGION is not set. Provider bedrock is left out.'])
})

test('pictures by link are fetched where it is asked for, within bounds that have defaults', () => {
  const of = (text: string): ProviderConfig['fetchImages'] =>
    providerOf(`{ type: openai, keys: [{ value: k }]${text} }`).fetchImages
  const defaults = {
    maxBytes: 20 * 2 ** 20,
    maxCount: 20,
    timeoutMs: 10_000,
    allowPrivateNetwork: false,
  }
  assert.equal(of(''), null)
  assert.equal(of(', fetch_images: false'), null)
  assert.deepEqual(of(', fetch_images: true'), defaults)
  assert.deepEqual(of(', fetch_images: {}'), defaults)
  assert.deepEqual(
    of(
      ', fetch_images: { max_bytes: 1MiB, max_count: 2, timeout: 3s, allow_private_network: true }',
    ),
    { maxBytes: 2 ** 20, maxCount: 2, timeoutMs: 3000, allowPrivateNetwork: true },
  )
  assert.deepEqual(problemsOf('{ type: openai, keys: [{ value: k }], fetch_images: maybe }'), [
    'providers.p.fetch_images must be true, false or a block of settings, not "maybe".',
  ])
  assert.equal(providerOf('{ type: openai, keys: [{ value: k }] }').dropUnsupported, false)
  assert.equal(
    providerOf('{ type: openai, keys: [{ value: k }], drop_unsupported: true }').dropUnsupported,
    true,
  )
})
