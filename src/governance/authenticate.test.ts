import assert from 'node:assert/strict'
import test from 'node:test'
import { GatewayError } from '../core/errors.ts'
import { type Principal, unbound, type VirtualKey } from '../core/principal.ts'
import type { Presented } from '../http/auth-header.ts'
import { authenticate, type Doorkeeper, type KeysKnown } from './authenticate.ts'
import { emptyMemory, hashKey, KeyTable } from './key-table.ts'

const now = Date.UTC(2026, 0, 1)
const secret = Buffer.alloc(32, 1)
const uuid = (digit: number) => `sk-bf-0000000${digit}-aaaa-4bbb-8ccc-dddddddddddd`
const [good, other, disabled, expired, ending, unknown] = [1, 2, 3, 4, 5, 9].map(uuid) as [
  string,
  string,
  string,
  string,
  string,
  string,
]
const key = (name: string, value: string, more: Partial<VirtualKey> = {}): VirtualKey => ({
  name,
  hash: hashKey(value, secret),
  enabled: true,
  expiresAt: null,
  principal: {
    ...unbound,
    kind: 'virtual-key',
    name,
    models: null,
    forwardHeaders: [],
    mayPin: false,
  },
  ...more,
})
const keys = new KeyTable(
  [
    key('good', good),
    key('other', other),
    key('disabled', disabled, { enabled: false }),
    key('expired', expired, { expiresAt: now }),
    key('ending', ending, { expiresAt: now + 1 }),
  ],
  secret,
)
const principal = (kind: Principal['kind']): Principal => ({
  ...unbound,
  kind,
  name: kind,
  models: null,
  forwardHeaders: null,
  mayPin: true,
})
const basic = (text: string) => Buffer.from(text).toString('base64')
const admin = basic('admin:hunter2')
const guess = basic('admin:guess1')
const throttled = basic('admin:throttled')

const door = (inference: 'required' | 'optional'): Doorkeeper => ({
  keys,
  anonymous: inference === 'optional' ? principal('anonymous') : null,
  admin: {
    async check(given) {
      if (given === throttled) throw new GatewayError('login_throttled', 'Wait')
      return given === admin ? principal('admin') : null
    },
  },
})
const present = (more: Partial<Presented>): Presented => ({
  vk: null,
  basic: null,
  bearer: null,
  apiKeys: [],
  ...more,
})
const apiKeys = (...values: readonly string[]): Partial<Presented> => ({
  apiKeys: values.map((value, at) => ({
    header: ['x-api-key', 'api-key', 'x-goog-api-key'][at] ?? '',
    value,
  })),
})
/** The caller's name, or the code and status of the refusal. */
async function outcome(given: Partial<Presented>, inference: 'required' | 'optional') {
  try {
    return (await authenticate(present(given), door(inference), '10.0.0.1', now)).name
  } catch (thrown) {
    assert.ok(thrown instanceof GatewayError)
    return `${thrown.status} ${thrown.code}`
  }
}

const missing = '401 virtual_key_required'
const wrong = '401 invalid_api_key'
const matrix: readonly (readonly [
  name: string,
  given: Partial<Presented>,
  required: string,
  optional?: string,
])[] = [
  ['nothing', {}, missing, 'anonymous'],
  ['a key in x-bf-vk', { vk: good }, 'good'],
  ['a key as bearer', { bearer: good }, 'good'],
  ['a key in upper case', { bearer: good.toUpperCase() }, 'good'],
  ['a key in x-api-key', apiKeys(good), 'good'],
  ['a key in api-key', apiKeys('', good), 'good'],
  ['a key in x-goog-api-key', apiKeys('', '', good), 'good'],
  ['an unknown key', { bearer: unknown }, wrong],
  ['an unknown key in x-bf-vk', { vk: unknown }, wrong],
  ['anything in x-bf-vk decides alone', { vk: 'dummy', bearer: good }, wrong],
  ['x-bf-vk before all others', { vk: good, basic: admin, ...apiKeys(other) }, 'good'],
  ['a disabled key', { bearer: disabled }, '403 key_disabled'],
  ['a key that expires now', { bearer: expired }, wrong],
  ['a key that expires in a moment', { bearer: ending }, 'ending'],
  ['a foreign bearer', { bearer: 'sk-proj-123' }, missing, 'anonymous'],
  ['a foreign api key', apiKeys('dummy'), missing, 'anonymous'],
  ['a foreign bearer before a key of ours', { bearer: 'dummy', ...apiKeys(good) }, 'good'],
  ['foreign values before a key of ours', apiKeys('dummy', 'sk-proj-1', good), 'good'],
  ['the first of two keys of ours', { bearer: good, ...apiKeys(other) }, 'good'],
  ['an unknown key before a known one', { bearer: unknown, ...apiKeys(good) }, wrong],
  ['an unknown key before a known one, by header', apiKeys(unknown, good), wrong],
  ['the admin', { basic: admin }, 'admin'],
  ['the admin before a key', { basic: admin, ...apiKeys(good) }, 'admin'],
  ['a wrong password', { basic: guess }, wrong],
  ['a proxy with its own password before a key', { basic: guess, ...apiKeys(good) }, 'good'],
  ['a proxy before an unknown key', { basic: guess, ...apiKeys(unknown) }, wrong],
  ['a proxy before a foreign key', { basic: guess, ...apiKeys('dummy') }, wrong],
  ['a password tried too often', { basic: throttled }, '429 login_throttled'],
  ['a proxy that tried too often before a key', { basic: throttled, ...apiKeys(good) }, 'good'],
  ['a proxy that tried too often, unknown key', { basic: throttled, ...apiKeys(unknown) }, wrong],
]
for (const [name, given, required, optional] of matrix)
  test(`who calls: ${name}`, async () => {
    assert.equal(await outcome(given, 'required'), required)
    assert.equal(await outcome(given, 'optional'), optional ?? required)
  })

test('a call with a key is told who it is at once, without waiting for a promise', () => {
  const found = authenticate(present({ bearer: good }), door('required'), '', now)
  assert.ok(!(found instanceof Promise))
})

test('no message holds a credential, and each says what to do', async () => {
  for (const [, given] of matrix) {
    const failed = await Promise.resolve()
      .then(() => authenticate(present(given), door('required'), '10.0.0.1', now))
      .then(
        () => null,
        (error: GatewayError) => error,
      )
    if (!failed) continue
    const told = JSON.stringify([failed.message, failed.facts, String(failed.cause)])
    for (const value of [good, disabled, expired, unknown, 'hunter2', 'guess1', admin, guess])
      assert.ok(!told.toLowerCase().includes(value.toLowerCase()), told)
    assert.ok(failed.message.length > 3)
  }
})

test('a refused key is hinted at so that its owner knows it, unless it is too short', () => {
  const messageOf = (value: string): string => {
    try {
      void authenticate(present({ vk: value }), door('required'), '', now)
      return ''
    } catch (thrown) {
      return (thrown as GatewayError).message
    }
  }
  assert.match(messageOf(unknown), /sk-bf-…dddd, read from x-bf-vk/)
  assert.match(messageOf('short-secret'), /too short to be one/)
  assert.ok(!messageOf('short-secret').includes('secret'))
  assert.match(messageOf(`\u001b[2J${'é'.repeat(20)}`), /^[\x20-\x7e…]+$/)
})

test('a challenge says which credential is wanted', async () => {
  const challenge = async (given: Partial<Presented>): Promise<unknown> => {
    try {
      return await authenticate(present(given), door('required'), '', now)
    } catch (thrown) {
      return (thrown as GatewayError).facts.headers?.['www-authenticate']
    }
  }
  assert.equal(await challenge({}), 'Bearer')
  assert.match(String(await challenge({ basic: guess })), /^Basic realm="Sluice"/)
})

test('unknown keys are counted by address, and a good one is let in whatever the count says', () => {
  const counted: string[] = []
  const guarded = (note: (address: string) => void): Doorkeeper => {
    const given = door('required')
    return { ...given, admin: { ...given.admin, guesses: { note } } }
  }
  const counting = guarded((address) => void counted.push(address))
  const ask = (value: string, by: Doorkeeper) =>
    authenticate(present({ vk: value }), by, '10.0.0.1', now)
  assert.throws(() => ask(unknown, counting), { code: 'invalid_api_key' })
  assert.throws(() => ask(disabled, counting), { code: 'key_disabled' })
  void ask(good, counting)
  assert.deepEqual(counted, ['10.0.0.1'])
  const refusing = guarded(() => {
    throw new GatewayError('login_throttled', 'Wait')
  })
  assert.throws(() => ask(unknown, refusing), { code: 'login_throttled' })
  assert.equal((ask(good, refusing) as Principal).name, 'good')
})

test('G22 what the store could not be asked about for long opens nothing, and is 503, never 401', () => {
  const stored = new KeyTable([key('stored', good, { isStored: true }), key('file', other)], secret)
  const ask = (value: string, known: KeysKnown): string => {
    const given = door('required')
    const by = { ...given, keys: stored, admin: { ...given.admin, keysKnown: () => known } }
    try {
      return (authenticate(present({ bearer: value }), by, '', now) as Principal).name
    } catch (thrown) {
      return (thrown as GatewayError).code
    }
  }
  const of = (known: KeysKnown) => [good, other, unknown].map((value) => ask(value, known))
  assert.deepEqual(of('known'), ['stored', 'file', 'invalid_api_key'])
  assert.deepEqual(of('behind'), ['stored', 'file', 'storage_unavailable'])
  assert.deepEqual(of('stale'), ['storage_unavailable', 'file', 'storage_unavailable'])
})

test('a connection that remembers its key is asked again once the store was silent for long', () => {
  const stored = new KeyTable([key('stored', good, { isStored: true })], secret)
  let known: KeysKnown = 'known'
  const given = door('required')
  const by = { ...given, keys: stored, admin: { ...given.admin, keysKnown: () => known } }
  const memory = emptyMemory()
  const ask = () => authenticate(present({ bearer: good }), by, '', now, memory)
  void ask()
  known = 'stale'
  assert.throws(ask, { code: 'storage_unavailable' })
})
