import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ConfigError } from './config-error.ts'
import { type Flags, type LoadedConfig, loadConfig, type ProviderTypeInfo } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'))
after(() => rmSync(folder, { recursive: true }))

const type = (
  name: string,
  defaultBaseUrl: string | null,
  envKeys: string[] = [],
  envBaseUrl?: string,
): ProviderTypeInfo => ({
  type: name,
  defaultBaseUrl,
  envKeys,
  needsKey: envKeys.length > 0,
  ...(envBaseUrl === undefined ? {} : { envBaseUrl }),
})

const providerTypes = [
  type('openai', 'https://api.openai.com/v1', ['OPENAI_API_KEY'], 'OPENAI_BASE_URL'),
  type('openai-compatible', null),
  type('azure', null, ['AZURE_OPENAI_API_KEY', 'AZURE_API_KEY'], 'AZURE_OPENAI_ENDPOINT'),
  type('groq', 'https://api.groq.com/openai/v1', ['GROQ_API_KEY']),
  type('ollama', 'http://127.0.0.1:11434/v1'),
  type('demo', null),
]

let made = 0
function load(text: string | null, env: Record<string, string> = {}, flags: Flags = {}) {
  const cwd = join(folder, String(made++))
  mkdirSync(cwd)
  if (text !== null) writeFileSync(join(cwd, 'sluice.yaml'), text)
  return { cwd, ...loadConfig({ flags, env, cwd, providerTypes }) }
}

function problemsOf(text: string, env: Record<string, string> = {}): string[] {
  try {
    load(text, env)
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
    throw error
  }
  return []
}

const rowOf = (loaded: LoadedConfig, path: string) =>
  loaded.settings.find((setting) => setting.path === path)

const virtualKey = 'sk-bf-5b1f3c1e-8d0e-4d0e-9a52-0c6f1f6f2a77'
const ofModels = (models: string): string =>
  `version: 1\nproviders: { openai: { keys: [{ value: x }] } }\nmodels:\n${models}`

test('a file of only version and providers is enough', () => {
  const { config, warnings } = load('version: 1\nproviders:\n  openai:\n    keys: [{ value: k }]\n')
  assert.equal(config.server.host, '127.0.0.1')
  assert.equal(config.server.port, 8080)
  const openai = config.providers.get('openai')
  assert.equal(openai?.type, 'openai')
  assert.equal(openai?.baseUrl, 'https://api.openai.com/v1')
  assert.equal(openai?.timeouts.firstByteMs, null)
  assert.equal(openai?.timeouts.totalMs, 600_000)
  assert.deepEqual(openai?.keys, [
    { name: 'key-1', value: 'k', weight: 1, models: null, quotaGroup: 'key:key-1', cloud: {} },
  ])
  assert.equal(config.jobs.queueBytes, 5 * 2 ** 30)
  assert.deepEqual([...config.providers.keys()], ['openai'])
  assert.deepEqual(warnings, [])
})

test('the absent keys of a block that is partly given keep their defaults', () => {
  const { config } = load(
    'version: 1\nserver: { drain: { delay: 1s } }\nproviders:\n  openai: { timeouts: { idle: 5s }, keys: [{ value: k }] }\n',
  )
  assert.deepEqual(config.server.drain, { delayMs: 1_000, graceMs: 600_000 })
  assert.equal(config.providers.get('openai')?.timeouts.idleMs, 5_000)
  assert.equal(config.providers.get('openai')?.timeouts.connectMs, 5_000)
})

test('without a file the demo and the providers found in the environment are on', () => {
  const loaded = load(null, {
    OPENAI_API_KEY: 'sk-1234567890a1F9',
    AZURE_API_KEY: 'abcdefghijklmnop',
    GROQ_API_KEY: virtualKey,
  })
  assert.deepEqual([...loaded.config.providers.keys()], ['demo', 'openai'])
  assert.equal(loaded.config.providers.get('openai')?.keys?.[0]?.value, 'sk-1234567890a1F9')
  assert.deepEqual(loaded.foundInEnvironment, [
    { provider: 'openai', variable: 'OPENAI_API_KEY', shown: '...a1F9', baseUrlVariable: null },
  ])
  assert.deepEqual(loaded.warnings, [
    'AZURE_OPENAI_ENDPOINT is not set. Provider azure is left out.',
    "GROQ_API_KEY holds a virtual key, not a provider's key. Provider groq is left out.",
  ])
  assert.equal(rowOf(loaded, 'providers.openai.keys[0]')?.origin, 'OPENAI_API_KEY')
  assert.equal(loaded.file, null)
})

test('a base URL in the environment is taken unless it is this gateway', () => {
  const env = { OPENAI_API_KEY: 'sk-1', OPENAI_BASE_URL: 'http://127.0.0.1:9999/v1/' }
  assert.equal(load(null, env).config.providers.get('openai')?.baseUrl, 'http://127.0.0.1:9999/v1')
  const looped = load(null, env, { port: 9999 }).config.providers.get('openai')
  assert.equal(looped?.baseUrl, 'https://api.openai.com/v1')
})

test('with a file, neither the demo nor found keys come by themselves', () => {
  const { config } = load('version: 1\nproviders: { ollama: {} }\n', { OPENAI_API_KEY: 'sk-1' })
  assert.deepEqual([...config.providers.keys()], ['ollama'])
  assert.equal(config.providers.get('ollama')?.keys, null)
})

test('a flag beats the environment, which beats the file', () => {
  const text = 'version: 1\nserver: { host: 10.0.0.1, port: 1000 }\nproviders: { demo: {} }\n'
  const env = { SLUICE_HOST: '10.0.0.2', SLUICE_PORT: '2000' }
  const loaded = load(text, env, { port: 3000, dataDir: 'here' })
  assert.equal(loaded.config.server.host, '10.0.0.2')
  assert.equal(loaded.config.server.port, 3000)
  assert.equal(loaded.config.dataDir, join(loaded.cwd, 'here'))
  assert.equal(rowOf(loaded, 'server.host')?.origin, 'SLUICE_HOST')
  assert.equal(rowOf(loaded, 'server.port')?.origin, '--port')
  assert.equal(load(text).config.server.port, 1000)
})

test('bad flags and environment twins are named', () => {
  assert.throws(() => load(null, { SLUICE_PORT: 'eighty' }), /SLUICE_PORT must be a port number/)
  assert.throws(() => load(null, {}, { port: 70_000 }), /--port must be a port number/)
  assert.throws(() => load(null, {}, { logLevel: 'loud' }), /--log-level must be trace/)
  assert.throws(
    () => load(null, {}, { config: 'none.yaml' }),
    /none\.yaml {2}there is no such file/,
  )
})

test('a SLUICE name that nothing reads earns a warning with the nearest one', () => {
  assert.deepEqual(load(null, { SLUICE_PROT: '1' }).warnings, [
    'SLUICE_PROT is set, but nothing reads it. Did you mean SLUICE_PORT?',
  ])
})

test('references yield text, numbers and files', () => {
  const secretFile = join(folder, 'secret')
  writeFileSync(secretFile, 'from-a-file\n')
  const loaded = load(
    `version: 1\nserver:\n  port: \${PORT:-81}\n  host: "\${HOST}"\nproviders:\n  openai:\n    keys: [{ value: "\${file:${secretFile}}" }, { name: b, value: "\${DIGITS}" }]\n    headers: { x-a: "a-\${HOST}-b" }\n`,
    { HOST: '::1', DIGITS: '123' },
  )
  assert.equal(loaded.config.server.port, 81)
  assert.equal(loaded.config.server.host, '::1')
  const openai = loaded.config.providers.get('openai')
  assert.deepEqual(
    openai?.keys?.map((key) => key.value),
    ['from-a-file', '123'],
  )
  assert.deepEqual(openai?.headers, { 'x-a': 'a-::1-b' })
  assert.deepEqual(loaded.watched, [join(loaded.cwd, 'sluice.yaml'), secretFile])
  assert.equal(rowOf(loaded, 'server.port')?.reference, `\${PORT}`)
})

test('an empty key value is left out, so that a variable may be optional', () => {
  const { config, warnings } = load(
    `version: 1\nproviders:\n  openai:\n    keys: [{ name: a, value: "\${A:-}" }]\n`,
  )
  assert.equal(config.providers.get('openai')?.keys, null)
  assert.match(warnings.join('\n'), /keys\[0\] has an empty value and is left out/)
})

test('every unset reference is reported with its place, beside other mistakes', () => {
  const text = `version: 1\nproviders:\n  openai:\n    keys:\n      - { value: "\${ONE}" }\n      - { value: "a\${TWO}" }\n    retry: {}\n`
  assert.deepEqual(problemsOf(text), [
    `5:19 \${ONE} is not set. Set it, or write \${ONE:-} if empty is meant.`,
    `6:20 \${TWO} is not set. Set it, or write \${TWO:-} if empty is meant.`,
    '7:5 unknown setting "retry" under providers.openai. Did you mean "retries"?',
  ])
})

test('a provider type is checked against those this version serves', () => {
  assert.deepEqual(
    problemsOf('version: 1\nproviders:\n  openai: {}\n  x: {}\n  y: { type: opnai }\n'),
    [
      '4:3 providers.x needs "type": one of openai, openai-compatible, azure, groq, ollama, demo.',
      '5:14 there is no provider type "opnai". Did you mean "openai"?',
    ],
  )
})

test('a base URL must be there and usable', () => {
  const of = (provider: string): string =>
    problemsOf(`version: 1\nproviders:\n  p: ${provider}\n`).join()
  assert.match(of('{ type: openai-compatible }'), /needs "base_url"/)
  assert.match(of('{ type: azure, keys: [{ value: x }] }'), /needs "base_url"/)
  for (const url of ['ftp://x', 'api.x.com', 'https://', 'https://u:p@x', 'https://x/?a=b'])
    assert.match(of(`{ type: openai-compatible, base_url: "${url}" }`), /base_url must/, url)
  assert.equal(of('{ type: openai-compatible, base_url: "http://127.0.0.1:9/v1/" }'), '')
})

test('azure has a default API version and its own settings', () => {
  const { config } = load(
    'version: 1\nproviders:\n  azure: { base_url: "https://r.azure.com/", keys: [{ value: x }], deployments: { a: b } }\n',
  )
  const azure = config.providers.get('azure')
  assert.equal(azure?.apiVersion, '2024-10-21')
  assert.equal(azure?.baseUrl, 'https://r.azure.com')
  assert.equal(azure?.deployments?.get('a'), 'b')
})

test('virtual keys need our form, and names and values of their own', () => {
  const text = `version: 1\nproviders: { demo: {} }\nvirtual_keys:\n  - { name: a, value: ${virtualKey} }\n  - { name: a, value: ${virtualKey} }\n  - { name: c, value: sk-other }\n`
  assert.deepEqual(problemsOf(text), [
    '5:13 there are two virtual keys named "a".',
    '5:23 the virtual keys "a" and "a" have the same value.',
    '6:23 virtual_keys[2].value must be "sk-bf-" and a UUID. "sluice keys create" makes one.',
  ])
})

test('targets that nobody serves are skipped with a warning, unless none is left', () => {
  const { config, warnings } = load(
    ofModels('  a: { targets: [{ model: nope/x }, { model: openai/y }], fallbacks: [nope/z] }\n'),
  )
  assert.deepEqual(config.models.get('a'), {
    name: 'a',
    strategy: 'priority',
    targets: [{ model: 'openai/y', weight: 1 }],
    fallbacks: [],
    declared: {
      targets: [
        { model: 'nope/x', weight: 1 },
        { model: 'openai/y', weight: 1 },
      ],
      fallbacks: ['nope/z'],
    },
    limits: null,
    budget: null,
    hedge: null,
  })
  assert.deepEqual(warnings, [
    'models.a.targets[0]: no provider "nope"; skipped until there is one.',
    'models.a.fallbacks[0]: no provider "nope"; skipped until there is one.',
  ])
  assert.match(
    problemsOf(ofModels('  a: { targets: [{ model: nope/x }] }\n')).join(),
    /no target left/,
  )
})

test('public names may stand for one another, but not in a circle', () => {
  const chain = ofModels(
    '  a: { targets: [{ model: b }] }\n  b: { targets: [{ model: openai/x }] }\n',
  )
  assert.deepEqual(load(chain).config.models.get('a')?.targets, [{ model: 'b', weight: 1 }])
  const circle = ofModels('  a: { targets: [{ model: b }] }\n  b: { targets: [{ model: a }] }\n')
  assert.match(problemsOf(circle).join(), /lead back to themselves: a -> b -> a/)
  assert.match(
    problemsOf(ofModels('  a: { targets: [{ model: gpt }] }\n')).join(),
    /neither provider\/model/,
  )
})

test('weights may not all be 0', () => {
  const models = '  a: { strategy: weighted, targets: [{ model: openai/x, weight: 0 }] }\n'
  assert.match(problemsOf(ofModels(models)).join(), /4:28 all weights are 0/)
  const keys = 'version: 1\nproviders: { openai: { keys: [{ value: x, weight: 0 }] } }\n'
  assert.match(problemsOf(keys).join(), /all weights are 0, so no key/)
})

test('an empty list that would restrict is refused', () => {
  const lists = [
    ['server: { hosts: [] }', 'hosts: [] is empty. Leave it out to allow loopback only'],
    ['server: { cors: { origins: [] } }', 'origins: [] is empty'],
    [
      'auth: { anonymous: { models: [] } }',
      'models: [] is empty. Leave it out to allow all models',
    ],
    [
      'providers: { openai: { keys: [] } }',
      'keys: [] is empty. Leave it out to send no credential',
    ],
    ['models: { a: { targets: [] } }', 'targets: [] is empty. List at least one.'],
    [`virtual_keys: [{ name: a, value: x, forward_headers: [] }]`, 'forward_headers: [] is empty'],
  ] as const
  for (const [text, message] of lists)
    assert.ok(problemsOf(`version: 1\n${text}\n`).join().includes(message), text)
})

test('values that would only fail later are refused now', () => {
  const bad = [
    ['server: { trusted_proxies: [10.0.0.0/33] }', 'must be an IP address or a range'],
    ['server: { cors: { origins: ["*"] } }', 'must be an origin'],
    ['server: { stream: { hold: 30d } }', 'too long'],
    ['server: { max_body: 1GiB }', 'larger than server.max_buffered'],
    ['jobs: { result_ttl: 8d }', 'larger than jobs.max_result_ttl'],
    ['store: { url: "mysql://h/d" }', 'store.url must be postgres'],
    ['providers: { openai: { proxy: "socks5://h" } }', 'must be an http URL'],
    ['providers: { openai: { headers: { host: x } } }', 'sets the header "host" itself'],
    ['providers: { openai: { headers: { x: "a\\nb" } } }', 'characters a header cannot carry'],
    ['providers: { openai: { tls: { ca: nonsense } } }', 'no certificate in PEM form'],
    ['providers: { openai: { keys: [{ value: "a b\\n" }] } }', 'characters no key has'],
    [
      `virtual_keys: [{ name: a, value: ${virtualKey}, expires_at: "2027-13-01T00:00:00Z" }]`,
      'must be a time',
    ],
    [
      `virtual_keys: [{ name: a, value: ${virtualKey}, forward_headers: [Cookie] }]`,
      'never forwarded',
    ],
  ] as const
  for (const [text, message] of bad)
    assert.ok(problemsOf(`version: 1\n${text}\n`).join().includes(message), text)
})

test('settings that are given but not acted on are named, their defaults are not', () => {
  assert.deepEqual(load('version: 1\nproviders: { demo: {} }\n').notInForce, [])
  const text = `version: 1\nproviders: { demo: { retries: { max: 1 } } }\nvirtual_keys: [{ name: a, value: ${virtualKey}, limits: { concurrency: 1 }, budget: { usd: 1, per: 1d } }]\ncompat: { extra_fields: true }\nstore: { url: "sqlite:x.db" }\n`
  const loaded = load(text)
  assert.deepEqual(loaded.notInForce, ['compat.extra_fields'])
  assert.equal(loaded.config.store.url, `sqlite:${join(loaded.cwd, 'x.db')}`)
})

test('the environment decides the proxy where the file does not', () => {
  const text =
    'version: 1\nproviders:\n  openai: { keys: [{ value: x }] }\n  groq: { proxy: "http://own:1", keys: [{ value: x }] }\n  ollama: {}\n'
  const loaded = load(text, { HTTPS_PROXY: 'http://user:word@proxy:3128', HTTP_PROXY: 'http://p' })
  const proxies = [...loaded.config.providers.values()].map((provider) => provider.proxy)
  assert.deepEqual(proxies, ['http://user:word@proxy:3128', 'http://own:1', null])
  assert.equal(rowOf(loaded, 'providers.openai.proxy')?.value, 'http://***@proxy:3128/')
  assert.equal(rowOf(loaded, 'providers.openai.proxy')?.origin, 'HTTPS_PROXY')
})

test('a JSON file is read as well', () => {
  const { config } = load('{\n\t"version": 1,\n\t"providers": { "demo": {} }\n}\n')
  assert.deepEqual([...config.providers.keys()], ['demo'])
})

test('a second attempt is off, unless it is said what it may add', () => {
  const model = (hedge: string): string =>
    ofModels(`  a: { targets: [{ model: openai/x }]${hedge} }\n`)
  assert.equal(load(model('')).config.models.get('a')?.hedge, null)
  const given = load(model(', hedge: { extra_percent: 5, after: 2s }')).config
  assert.deepEqual(given.models.get('a')?.hedge, { share: 0.05, afterMs: 2000 })
  const bare = load(model(', hedge: { extra_percent: 100 }')).config
  assert.deepEqual(bare.models.get('a')?.hedge, { share: 1, afterMs: 0 })
  for (const wrong of ['0', '101', '-5', 'much'])
    assert.match(
      problemsOf(model(`, hedge: { extra_percent: ${wrong} }`)).join(),
      /extra_percent must be a number from 1 to 100/,
      wrong,
    )
  assert.match(problemsOf(model(', hedge: {}')).join(), /extra_percent/)
})
