import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileStored, compileStoredKey } from './compile-stored.ts'
import type { ProviderTypeInfo } from './provider-type.ts'

const type = (name: string, defaultBaseUrl: string | null, needsKey = true): ProviderTypeInfo => ({
  ...{ type: name, defaultBaseUrl, needsKey, envKeys: [] },
})
const context = {
  types: [
    type('openai', 'https://api.openai.com/v1'),
    type('openai-compatible', null, false),
    type('azure', null),
    type('bedrock', null),
  ],
  env: {},
}
const compile = (settings: object, keys: readonly object[] = [], name = 'mine') =>
  compileStored({ name, settings: { ...settings }, keys: keys.map((key) => ({ ...key })) }, context)
const paramsOf = (settings: object, keys: readonly object[] = [], name = 'mine') =>
  compile(settings, keys, name).problems.map(({ param }) => param)

test('what is said in the words of the file becomes what the file would become', () => {
  const { provider, problems } = compile(
    { type: 'openai', timeouts: { total: '5s' }, headers: { 'X-Team': 'a' } },
    [{ name: 'main', value: 'sk-1', models: ['gpt-*'] }],
  )
  assert.deepEqual(problems, [])
  assert.equal(provider?.baseUrl, 'https://api.openai.com/v1')
  assert.equal(provider?.timeouts.totalMs, 5000)
  assert.deepEqual(provider?.headers, { 'x-team': 'a' })
  assert.deepEqual(provider?.keys, [
    {
      ...{ name: 'main', value: 'sk-1', weight: 1, models: ['gpt-*'] },
      ...{ quotaGroup: 'key:main', cloud: {} },
    },
  ])
})

test('the name stands for the type where it is one', () => {
  assert.equal(compile({}, [], 'openai').provider?.type, 'openai')
  assert.deepEqual(paramsOf({}), [''])
})

test('each problem says where it stands', () => {
  assert.deepEqual(paramsOf({ type: 'openia' }), ['type'])
  assert.deepEqual(paramsOf({ type: 'openai', base_ulr: 'x' }), ['base_ulr'])
  assert.deepEqual(paramsOf({ type: 'openai', base_url: 'ftp://x' }), ['base_url'])
  assert.deepEqual(paramsOf({ type: 'openai', timeouts: { total: '5 s' } }), ['timeouts.total'])
  assert.deepEqual(paramsOf({ type: 'openai', retries: { base: '9s', cap: '1s' } }), [
    'retries.base',
  ])
  assert.deepEqual(paramsOf({ type: 'openai', deployments: { a: 'b' } }), ['deployments'])
  assert.deepEqual(paramsOf({ type: 'openai' }, [{ name: 'a', value: 'x', region: 'y' }]), [
    'keys[0].region',
  ])
  assert.deepEqual(paramsOf({ type: 'openai' }, [], 'no name'), [''])
  assert.deepEqual(paramsOf({ type: 'openai', ['__proto__x']: 1 }), ['__proto__x'])
})

test('what reaches into the machine or lends out its identity is refused', () => {
  assert.deepEqual(paramsOf({ type: 'openai', base_url: `https://\${HOST}/v1` }), ['base_url'])
  assert.deepEqual(paramsOf({ type: 'openai', tls: { ca: `\${file:/etc/passwd}` } }), ['tls.ca'])
  assert.deepEqual(paramsOf({ type: 'openai' }, [{ name: 'a', value: `\${KEY}` }]), [
    'keys[0].value',
  ])
  assert.deepEqual(paramsOf({ type: 'bedrock' }, [{ name: 'a', region: 'eu-west-1' }]), [
    'keys[0].value',
  ])
  assert.deepEqual(
    paramsOf({ type: 'bedrock' }, [{ name: 'a', value: 'x', region: 'a', profile: 'p' }]),
    ['keys[0].profile'],
  )
  const entra = { name: 'a', tenant_id: 't', client_id: 'c', client_secret: 's' }
  const azure = { type: 'azure', base_url: 'https://r.openai.azure.com' }
  assert.deepEqual(paramsOf(azure, [{ ...entra, authority: 'http://169.254.169.254' }]), [
    'keys[0].authority',
  ])
  assert.deepEqual(
    paramsOf(azure, [{ ...entra, authority: 'https://login.microsoftonline.us/' }]),
    [],
  )
  assert.deepEqual(paramsOf({ type: 'openai', proxy: 'http://10.0.0.1:3128' }), ['proxy'])
  assert.deepEqual(paramsOf({ type: 'openai' }, [{ name: 'a', value: '' }]), ['keys[0].value'])
})

test('no problem repeats a secret', () => {
  const secret = 'canary-canary-canary'
  const { problems } = compile({ type: 'openai', headers: { 'x y': secret, host: secret } }, [
    { name: 'a', value: `${secret}\u00e9`, weight: -1 },
    { name: 'b', value: [secret] },
  ])
  assert.ok(problems.length >= 2)
  assert.doesNotMatch(JSON.stringify(problems), /canary/)
})

test('only public addresses are reached unless the private network is allowed', () => {
  const reach = (settings: object) => compile({ type: 'openai', ...settings }).provider?.reach
  assert.equal(reach({}), 'public')
  assert.equal(reach({ allow_private_network: false }), 'public')
  assert.equal(reach({ allow_private_network: true }), 'private')
})

test('a provider whose address follows from its keys waits for the first of them', () => {
  const empty = compile({ type: 'bedrock' })
  assert.deepEqual([empty.provider, empty.problems, empty.needsKeys], [null, [], true])
  assert.deepEqual(paramsOf({ type: 'bedrock', max_concurrency: 0 }), ['max_concurrency'])
  const { provider } = compile({ type: 'bedrock' }, [
    { name: 'a', value: 'x', region: 'eu-west-1' },
  ])
  assert.equal(provider?.baseUrl, 'https://bedrock-runtime.eu-west-1.amazonaws.com')
  assert.equal(compile({ type: 'openai' }).needsKeys, true)
  assert.equal(
    compile({ type: 'openai-compatible', base_url: 'http://example.com' }).needsKeys,
    false,
  )
})

test("a key beside the file's is for the same place, and may weigh nothing", () => {
  const file = compile({ type: 'bedrock' }, [
    { name: 'a', value: 'x', region: 'eu-west-1' },
  ]).provider
  assert.ok(file)
  const beside = (key: object) => compileStoredKey(file, { ...key }, context)
  const made = beside({ name: 'b', value: 'y', region: 'eu-west-1', weight: 0 })
  assert.deepEqual([made.key?.weight, made.key?.cloud], [0, { region: 'eu-west-1' }])
  assert.match(
    beside({ name: 'b', value: 'y', region: 'us-east-1' }).problems[0]?.message ?? '',
    /another place/,
  )
  assert.deepEqual(
    beside({ name: 'b', value: 'y' }).problems.map(({ param }) => param),
    ['keys[0]'],
  )
})
