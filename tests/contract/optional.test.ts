import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { logLine } from './log-lines.ts'
import {
  adminBasic,
  adminPassword,
  ask,
  basic,
  chat,
  envelopeOf,
  type HeaderList,
  keys,
  openStage,
  serverSettings,
  withKey,
} from './stage.ts'

// Bound to 127.0.0.1 under a name that is no loopback name: what holds beyond the machine, without leaving it.
const stage = await openStage({
  front: true,
  changes: {
    server: { ...serverSettings, host: '::ffff:127.0.0.1', hosts: ['gateway.example'] },
    auth: {
      inference: 'optional',
      admin: { password: adminPassword },
      anonymous: { models: ['demo/*', 'public', 'local/*'] },
    },
    providers: { demo: {}, backup: { type: 'demo' } },
    models: { public: { targets: [{ model: 'demo/hello' }] } },
  },
})
after(() => stage.close())
const { gateway } = stage

const call = (headers: HeaderList, model = 'demo/hello') =>
  ask(gateway, { headers, body: chat(model) })
const outcome = async (headers: HeaderList, model?: string): Promise<number | string | null> => {
  const answer = await call(headers, model)
  return answer.status === 200 ? 200 : envelopeOf(answer).error.code
}

test('callers without a key, or with what is none of ours, are served', async () => {
  assert.equal(await outcome([]), 200)
  assert.equal(await outcome(withKey('dummy')), 200)
  assert.equal(await outcome([['api-key', 'sk-proj-other']]), 200)
  assert.equal(await outcome([['authorization', 'Bearer']]), 200)
})

test('a key that looks like ours is still looked at', async () => {
  assert.equal(await outcome(withKey(keys.unknown)), 'invalid_api_key')
  assert.equal(await outcome(withKey(keys.expired)), 'invalid_api_key')
  assert.equal(await outcome(withKey(keys.disabled)), 'key_disabled')
  assert.equal(await outcome([['x-bf-vk', 'dummy']]), 'invalid_api_key')
  assert.equal(await outcome([['authorization', basic('admin', 'wrong')]]), 'invalid_api_key')
})

test('they may use what auth.anonymous says, and see no more', async () => {
  assert.equal(await outcome([], 'public'), 200)
  assert.equal(await outcome([], 'backup/hello'), 'model_not_allowed')
  assert.equal(await outcome(withKey(keys.open), 'backup/hello'), 200)
  const list = await ask(gateway, { path: '/v1/models', headers: [] })
  const ids = (list.json() as { data: { id: string }[] }).data.map(({ id }) => id)
  assert.ok(ids.includes('public') && ids.includes('demo/hello'))
  assert.deepEqual(
    ids.filter((id) => id.startsWith('backup/')),
    [],
  )
})

test('they may neither pin a key nor send headers to the provider', async () => {
  assert.equal(await outcome([['x-bf-api-key', 'main']]), 'forbidden')
  assert.equal(await outcome([['x-bf-eh-x-any', 'v']]), 'forbidden')
})

test('a page or a name that nobody vouched for may not use them as a way in', async () => {
  const model = { path: '/v1/models' }
  for (const [headers, status] of [
    [[['origin', 'https://evil.example']], 403],
    [[['origin', 'null']], 403],
    [[['host', 'rebound.example']], 403],
    [[['host', 'rebound.example:8080']], 403],
    [[['origin', 'https://app.example.com']], 200],
    [[['host', 'gateway.example']], 200],
    [[['host', 'GATEWAY.example:8080']], 200],
    [[['host', 'localhost:8080']], 200],
    [[['host', '[::1]:8080']], 200],
  ] as const) {
    const shown = JSON.stringify(headers)
    assert.equal((await call(headers)).status, status, shown)
    assert.equal((await ask(gateway, { ...model, headers })).status, status, shown)
    // Who shows a key is vouched for by it.
    assert.equal((await call([...headers, ...withKey(keys.open)])).status, 200, shown)
  }
})

test('administration and metrics are not optional', async () => {
  for (const path of ['/api', '/api/keys', '/metrics']) {
    assert.equal((await ask(gateway, { path, headers: [] })).status, 401, path)
    assert.equal((await ask(gateway, { path, headers: withKey('dummy') })).status, 401, path)
    assert.equal((await ask(gateway, { path, headers: withKey(keys.open) })).status, 403, path)
  }
  const admin: HeaderList = [['authorization', adminBasic]]
  const metrics = await ask(gateway, { path: '/metrics', headers: admin })
  assert.equal(metrics.status, 200)
  assert.match(metrics.text, /^# TYPE sluice_/m)
  assert.equal((await ask(gateway, { path: '/api', headers: admin })).status, 404)
})

test('the start warns that others can reach a gateway without keys', async () => {
  const { level } = await logLine(gateway, ({ msg }) => /auth\.inference: optional/.test(`${msg}`))
  assert.equal(level, 'warn')
})

test('without a default provider a bare name is known, or 404 with the nearest', async () => {
  const names = withKey(keys.open)
  assert.equal(await outcome(names, 'hello'), 200)
  for (const [asked, nearest] of [
    ['publik', 'public'],
    ['demo-helo', 'demo/hello'],
    ['demmo/hello', 'demo/hello'],
  ] as const) {
    const { error } = envelopeOf(await call(names, asked))
    assert.equal(error.code, 'model_not_found')
    assert.ok(error.message.includes(`Did you mean "${nearest}"?`), error.message)
  }
})
