import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import {
  type AdminAnswer,
  type AskAdmin,
  adminPassword,
  askAdminOf,
  chatWith,
  dataOf,
  errorOf,
  expectStatus,
} from '../contract/admin-client.ts'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { openaiError } from '../support/upstream-openai.ts'
import * as script from '../support/upstream-script.ts'

const caller = 'sk-bf-11111111-1111-4111-8111-111111111111'
const canaries = ['sk-canary-of-the-api-0001', 'sk-canary-rotated-0002', 'canary-header-0003']
let gateway: Gateway
let upstream: Upstream
let ask: AskAdmin

before(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({
    config: {
      version: 1,
      auth: { admin: { password: adminPassword } },
      providers: {
        demo: {},
        filed: {
          type: 'openai',
          base_url: `${upstream.url}/v1`,
          keys: [{ name: 'own', value: 'sk-canary-of-the-file', models: ['own-*'] }],
        },
      },
      models: {
        smart: { targets: [{ model: 'later/first' }, { model: 'demo/hello' }] },
      },
      virtual_keys: [{ name: 'caller', value: caller }],
    },
  })
  ask = askAdminOf(gateway)
})
after(async () => {
  await gateway.stop('SIGINT')
  await upstream.stop()
})

type Fields = Record<string, unknown>
const local = (more: object = {}) => ({
  ...{ type: 'openai', base_url: `${upstream.url}/v1`, allow_private_network: true },
  ...more,
})
const make = async (name: string, settings: object = local()): Promise<Fields> =>
  expectStatus(await ask('/api/providers', { body: { name, settings } }), 201).body
const addKey = async (provider: string, body: object): Promise<Fields> =>
  expectStatus(await ask(`/api/providers/${provider}/keys`, { body }), 201).body
const patch = (at: string, body: object, headers = {}): Promise<AdminAnswer> =>
  ask(at, { method: 'PATCH', body, headers })
/** With which credential the model is asked there; a status where it is not. */
async function credentialOf(model: string): Promise<string | number | undefined> {
  const { status } = await chatWith(gateway, caller, { model })
  return status === 200 ? upstream.credentials.at(-1) : status
}

test('a provider and its key live from their making to their end, each change in force with the answer', async () => {
  assert.equal(await credentialOf('life/m'), 404)
  const made = await make('life', local({ headers: { 'x-team': 'canary-header-0003' } }))
  assert.deepEqual(
    [made['origin'], made['managed_by'], made['type'], made['problem']],
    ['api', 'api', 'openai', null],
  )
  // It is not called without a credential.
  assert.equal(await credentialOf('life/m'), 404)
  const [main = '', rotated = ''] = canaries
  const key = await addKey('life', { name: 'main', value: main })
  assert.deepEqual([key['hint'], key['weight'], key['enabled']], ['...0001', 1, true])
  assert.equal(await credentialOf('life/m'), main)
  assert.equal(upstream.requests.at(-1)?.headers['x-team'], 'canary-header-0003')

  const at = '/api/providers/life/keys/main'
  expectStatus(await patch(at, { models: ['n'] }), 200)
  assert.equal(await credentialOf('life/m'), 404)
  assert.equal(await credentialOf('life/n'), main)
  expectStatus(await patch(at, { models: null, weight: 3 }), 200)
  assert.equal(await credentialOf('life/m'), main)

  const turned = await ask(`${at}/rotate`, { body: { value: rotated } })
  assert.equal(expectStatus(turned, 200).body['hint'], '...0002')
  assert.equal(turned.body['weight'], 3)
  assert.equal(await credentialOf('life/m'), rotated)
  expectStatus(await ask(`${at}/disable`, { method: 'POST' }), 200)
  assert.equal(await credentialOf('life/m'), 404)
  expectStatus(await ask(`${at}/enable`, { method: 'POST' }), 200)
  assert.equal(await credentialOf('life/m'), rotated)

  const used = await ask('/api/providers/life', { method: 'DELETE' })
  assert.equal(errorOf(expectStatus(used, 409)).code, 'in_use')
  expectStatus(await ask(at, { method: 'DELETE' }), 200)
  expectStatus(await ask(at), 404)
  expectStatus(await ask('/api/providers/life', { method: 'DELETE' }), 200)
  expectStatus(await ask('/api/providers/life'), 404)
  assert.equal(await credentialOf('life/m'), 404)
})

test('settings are merged at any depth, and a secret as it was shown stays what it is', async () => {
  await make('merged', local({ headers: { 'x-a': 'a-long-secret-a', 'x-b': 'a-long-secret-b' } }))
  await addKey('merged', { name: 'k', value: 'sk-1' })
  const shown = (await ask('/api/providers/merged')).body
  const settings = shown['settings'] as Fields
  assert.deepEqual(settings['headers'], { 'x-a': '...et-a', 'x-b': '...et-b' })
  expectStatus(await patch('/api/providers/merged', { settings }), 200)
  const change = { headers: { 'x-b': null, 'x-c': 'new' }, timeouts: { total: '5s' } }
  const changed = await patch('/api/providers/merged', { settings: change })
  assert.deepEqual((expectStatus(changed, 200).body['settings'] as Fields)['timeouts'], {
    total: '5s',
  })
  assert.equal(await credentialOf('merged/m'), 'sk-1')
  const { headers = {} } = upstream.requests.at(-1) ?? {}
  assert.deepEqual(
    [headers['x-a'], headers['x-b'], headers['x-c']],
    ['a-long-secret-a', undefined, 'new'],
  )
})

test('a provider of the file is shown, changed in the file alone, and takes keys beside its own', async () => {
  const shown = (await ask('/api/providers/filed')).body
  assert.deepEqual([shown['managed_by'], shown['version']], ['file', 0])
  assert.doesNotMatch(JSON.stringify(shown), /sk-canary/)
  for (const [at, method, body] of [
    ['', 'PATCH', { settings: { max_concurrency: 3 } }],
    ['', 'DELETE', undefined],
    ['/keys/own', 'PATCH', { weight: 3 }],
    ['/keys/own', 'DELETE', undefined],
    ['/keys/own/rotate', 'POST', { value: 'x' }],
    ['/keys/own/disable', 'POST', undefined],
  ] as const) {
    const refused = await ask(`/api/providers/filed${at}`, { method, body })
    assert.equal(errorOf(expectStatus(refused, 409)).code, 'managed_by_file', at)
  }
  assert.equal(await credentialOf('filed/own-m'), 'sk-canary-of-the-file')
  assert.equal(await credentialOf('filed/other'), 404)
  await addKey('filed', { name: 'more', value: 'sk-more', models: ['other'] })
  assert.equal(await credentialOf('filed/other'), 'sk-more')
  assert.equal(await credentialOf('filed/own-m'), 'sk-canary-of-the-file')
  const keys = dataOf(await ask('/api/providers/filed/keys'))
  assert.deepEqual(
    keys.map(({ name, origin }) => [name, origin]),
    [
      ['own', 'file'],
      ['more', 'api'],
    ],
  )
  const same = await addKey('filed', { name: 'own', value: 'sk-shadow' })
  assert.equal(same['shadowed'], true)
  assert.equal(await credentialOf('filed/own-m'), 'sk-canary-of-the-file')
  expectStatus(await ask(`/api/providers/filed/keys/${same['id']}`, { method: 'DELETE' }), 200)
})

test("of one name the file's is in force, and the other is shown as shadowed", async () => {
  const shadow = await make('filed', local({ base_url: 'http://127.0.0.1:9/v1' }))
  assert.equal(shadow['shadowed'], true)
  assert.equal(await credentialOf('filed/own-m'), 'sk-canary-of-the-file')
  assert.equal((await ask(`/api/providers/${shadow['id']}`)).body['shadowed'], true)
  const named = dataOf(await ask('/api/providers?search=FILED'))
  assert.deepEqual(
    named.map(({ managed_by }) => managed_by),
    ['file', 'api'],
  )
  expectStatus(await patch(`/api/providers/${shadow['id']}`, { metadata: { a: 'b' } }), 200)
  const { body: keys } = await ask('/api/providers/filed/keys')
  for (const { id, origin } of keys['data'] as Fields[])
    if (origin === 'api') await ask(`/api/providers/filed/keys/${id}`, { method: 'DELETE' })
  expectStatus(await ask(`/api/providers/${shadow['id']}`, { method: 'DELETE' }), 200)
})

test('a target that the file names is served once there is a provider of that name', async () => {
  const targets = async (): Promise<unknown> => {
    const routes = dataOf(await ask('/api/models'))
    return routes.find(({ name }) => name === 'smart')?.['targets']
  }
  assert.deepEqual(await targets(), [{ provider: 'demo', model: 'hello', weight: 1 }])
  await make('later')
  await addKey('later', { name: 'k', value: 'sk-later' })
  assert.equal(await credentialOf('smart'), 'sk-later')
  assert.equal(((await targets()) as unknown[]).length, 2)
})

test('calls under way go on, and connections of providers that did not change stay', async () => {
  await make('steady')
  await addKey('steady', { name: 'k', value: 'sk-steady' })
  const { promise: held, resolve: goOn } = Promise.withResolvers<void>()
  upstream.on('slow', async () => {
    await held
    return script.json(200, {
      ...{ id: 'x', object: 'chat.completion', created: 1, model: 'slow' },
      choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
    })
  })
  const slow = chatWith(gateway, caller, { model: 'steady/slow' })
  await upstream.next((request) => request.model === 'slow')
  assert.equal(await credentialOf('steady/m'), 'sk-steady')
  const { total } = upstream.connections
  await make('unrelated')
  expectStatus(await patch('/api/providers/steady/keys/k', { weight: 2 }), 200)
  assert.equal(await credentialOf('steady/m'), 'sk-steady')
  assert.equal(upstream.connections.total, total)
  goOn()
  assert.equal((await slow).status, 200)
})

test('what is wrong is refused with its place, and nothing is written', async () => {
  const count = async () => dataOf(await ask('/api/providers?limit=200')).length
  const before = await count()
  const wrong: readonly (readonly [object, string | null])[] = [
    [{}, 'name'],
    [{ name: 'a b', settings: {} }, 'name'],
    [{ name: '../x', settings: {} }, 'name'],
    [{ name: 'x' }, 'settings'],
    [{ name: 'x', settings: [] }, 'settings'],
    [{ name: 'x', settings: {} }, 'settings'],
    [{ name: 'x', settings: { type: 'openia' } }, 'settings.type'],
    [{ name: 'x', settings: { type: 'openai', base_ulr: 'a' } }, 'settings.base_ulr'],
    [{ name: 'x', settings: { type: 'openai', base_url: 'file:///x' } }, 'settings.base_url'],
    [{ name: 'x', settings: { type: 'openai', max_concurrency: 0 } }, 'settings.max_concurrency'],
    [{ name: 'x', settings: { type: 'openai', retries: { max: 99 } } }, 'settings.retries.max'],
    [{ name: 'x', settings: { type: 'openai', keys: [] } }, 'settings.keys'],
    [{ name: 'x', settings: { type: 'openai', sealed: 'x' } }, 'settings.sealed'],
    [{ name: 'x', settings: { type: 'openai', tls: { ca: 'x' } } }, 'settings.tls.ca'],
    [{ name: 'x', settings: { type: 'openai', proxy: 'http://p:1' } }, 'settings.proxy'],
    [
      { name: 'x', settings: { type: 'openai', limits: { requests: '1' } } },
      'settings.limits.requests',
    ],
    [{ name: 'x', settings: { type: 'openai' }, keys: [] }, 'keys'],
    [{ name: 'x', settings: { type: 'openai' }, metadata: { 'a b': 'c' } }, 'metadata'],
  ]
  for (const [body, param] of wrong) {
    const answer = expectStatus(await ask('/api/providers', { body }), 400)
    assert.equal(errorOf(answer).param, param, `${JSON.stringify(body)} ${answer.text}`)
  }
  await make('right')
  assert.equal(await count(), before + 1)
  const twice = await ask('/api/providers', { body: { name: 'right', settings: local() } })
  assert.equal(errorOf(expectStatus(twice, 409)).code, 'name_taken')
  const keyAt = '/api/providers/right/keys'
  for (const [body, param] of [
    [{ value: 'x' }, 'name'],
    [{ name: 'k' }, 'value'],
    [{ name: 'k', value: '' }, 'value'],
    [{ name: 'k', value: ' x ' }, 'value'],
    [{ name: 'k', value: 'x', weight: -1 }, 'weight'],
    [{ name: 'k', value: 'x', weight: 0 }, 'weight'],
    [{ name: 'k', value: 'x', models: [] }, 'models'],
    [{ name: 'k', value: 'x', region: 'eu-west-1' }, 'region'],
    [{ name: 'k', value: 'x', credentials_file: '/etc/passwd' }, 'credentials_file'],
    [{ name: 'k', access_key_id: 'x' }, 'access_key_id'],
    [{ name: 'k', value: `\${OPENAI_API_KEY}` }, 'value'],
  ] as const) {
    const answer = expectStatus(await ask(keyAt, { body }), 400)
    assert.equal(errorOf(answer).param, param, `${JSON.stringify(body)} ${answer.text}`)
  }
  assert.deepEqual(dataOf(await ask(keyAt)), [])
  await addKey('right', { name: 'k', value: 'x' })
  expectStatus(await ask(keyAt, { body: { name: 'k', value: 'y' } }), 409)
  const type = await patch('/api/providers/right', {
    settings: { type: 'bedrock', base_url: null },
  })
  assert.equal(errorOf(expectStatus(type, 400)).param, 'settings')
  expectStatus(await patch('/api/providers/right', {}), 400)
  expectStatus(await ask(`${keyAt}/nobody`), 404)
  expectStatus(await ask('/api/providers/nobody'), 404)
  expectStatus(await ask('/api/providers/nobody/keys', { body: { name: 'k', value: 'x' } }), 404)
  for (const query of ['limit=0', 'after=nobody', 'order=name', 'managed_by=me'])
    expectStatus(await ask(`/api/providers?${query}`), 400)
})

test('what is stored for one address is never sent to another', async () => {
  await make('moved', local({ headers: { 'x-team': 'a-secret-header' } }))
  const at = '/api/providers/moved'
  const elsewhere = { base_url: 'http://127.0.0.1:9/v1' }
  await addKey('moved', { name: 'k', value: 'x' })
  const refused = expectStatus(await patch(at, { settings: elsewhere }), 409)
  assert.deepEqual([errorOf(refused).code, errorOf(refused).param], ['in_use', 'settings.base_url'])
  expectStatus(await patch(at, { settings: { max_concurrency: 5 } }), 200)
  expectStatus(await ask(`${at}/keys/k`, { method: 'DELETE' }), 200)
  const header = expectStatus(await patch(at, { settings: elsewhere }), 409)
  assert.equal(errorOf(header).param, 'settings.headers.x-team')
  // As it is shown, it says nothing.
  const masked = ((await ask(at)).body as { settings: { headers: object } }).settings.headers
  expectStatus(await patch(at, { settings: { ...elsewhere, headers: masked } }), 409)
  expectStatus(await patch(at, { settings: { ...elsewhere, headers: { 'x-team': 'anew' } } }), 200)
})

test('a change by somebody who saw an older version is refused with 412', async () => {
  const made = await make('contended')
  const at = '/api/providers/contended'
  assert.equal((await ask(at)).headers.get('etag'), `"${made['version']}"`)
  const old = { 'if-match': '"1"' }
  expectStatus(await patch(at, { settings: { max_concurrency: 5 } }, old), 200)
  expectStatus(await patch(at, { settings: { max_concurrency: 6 } }, old), 412)
  expectStatus(await ask(at, { method: 'DELETE', headers: old }), 412)
  await addKey('contended', { name: 'k', value: 'x' })
  expectStatus(await patch(`${at}/keys/k`, { weight: 2 }, old), 200)
  expectStatus(await patch(`${at}/keys/k`, { weight: 3 }, old), 412)
  const late = { body: { value: 'y' }, headers: old }
  expectStatus(await ask(`${at}/keys/k/rotate`, late), 412)
})

test('a list is paged by the last id seen, and complete', async () => {
  for (const i of [0, 1, 2, 3, 4]) await make(`paged${i}`)
  const seen: unknown[] = []
  for (let after = ''; ; ) {
    const page = expectStatus(await ask(`/api/providers?search=paged&limit=2${after}`), 200)
    seen.push(...dataOf(page).map(({ name }) => name))
    if (page.body['has_more'] !== true) break
    after = `&after=${dataOf(page).at(-1)?.['id']}`
  }
  assert.deepEqual(seen, ['paged4', 'paged3', 'paged2', 'paged1', 'paged0'])
})

test('a test call says how each key does, and never what the provider said', async () => {
  await make('tested')
  await addKey('tested', { name: 'good', value: 'sk-good' })
  await addKey('tested', { name: 'bad', value: 'sk-bad' })
  upstream.on('probe', (request) =>
    request.credential === 'sk-good'
      ? script.json(200, {
          ...{ id: 'x', object: 'chat.completion', created: 1, model: 'probe' },
          choices: [
            { index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' },
          ],
        })
      : script.json(401, openaiError('the canary body, with sk-bad in it')),
  )
  const test = (body: object) => ask('/api/providers/tested/test', { body })
  const { body, text } = expectStatus(await test({ model: 'probe' }), 200)
  const results = body['results'] as readonly Fields[]
  assert.deepEqual(
    results.map(({ key, ok, status, error, attempts }) => [key, ok, status, error, attempts]),
    [
      ['good', true, 200, null, 1],
      ['bad', false, 401, 'upstream_auth_failed', 1],
    ],
  )
  assert.ok(results.every(({ latency_ms }) => Number.isInteger(latency_ms)))
  assert.doesNotMatch(text, /canary|sk-/)
  const sent = upstream.requests.findLast(({ model }) => model === 'probe')
  assert.equal(sent?.field('max_completion_tokens'), 16)

  const one = expectStatus(await test({ model: 'probe', key: 'good' }), 200)
  assert.equal((one.body['results'] as unknown[]).length, 1)
  assert.equal(errorOf(expectStatus(await test({ model: null }), 400)).param, 'model')
  assert.equal(errorOf(expectStatus(await test({ model: 'x', key: 'no' }), 400)).param, 'key')
  assert.equal(
    errorOf(expectStatus(await test({ model: 'x', timeout: '2m' }), 400)).param,
    'timeout',
  )
  const demo = await ask('/api/providers/demo/test', { body: { model: null } })
  assert.deepEqual(
    (expectStatus(demo, 200).body['results'] as readonly Fields[]).map(({ key, ok }) => [key, ok]),
    [[null, true]],
  )

  upstream.on('silent', script.stall())
  const late = expectStatus(await test({ model: 'silent', key: 'good', timeout: '300ms' }), 200)
  const [{ ok, error } = {}] = late.body['results'] as readonly Fields[]
  assert.deepEqual([ok, error], [false, 'upstream_timeout'])
})

test('every change is in the audit, and no secret is in an answer, the audit, the log or on disk', async () => {
  const [main = '', rotated = '', header = ''] = canaries
  const made = await make('audited', local({ headers: { 'x-secret': header } }))
  const key = await addKey('audited', { name: 'k', value: main })
  const answers = [
    await patch('/api/providers/audited', { settings: { max_concurrency: 7 } }),
    await patch('/api/providers/audited/keys/k', { weight: 2 }),
    await ask('/api/providers/audited/keys/k/rotate', { body: { value: rotated } }),
    await ask('/api/providers/audited/keys/k/disable', { method: 'POST' }),
    await ask('/api/providers?limit=200'),
    await ask('/api/providers/audited/keys/k', { method: 'DELETE' }),
    await ask('/api/providers/audited', { method: 'DELETE' }),
  ]
  for (const answer of answers) expectStatus(answer, 200)
  const ofKey = await ask(`/api/audit?object=${key['id']}`)
  assert.deepEqual(
    dataOf(ofKey).map(({ action, kind }) => `${action} ${kind}`),
    ['delete', 'disable', 'rotate', 'update', 'create'].map((each) => `${each} provider_key`),
  )
  const ofProvider = await ask(`/api/audit?object=${made['id']}`)
  assert.deepEqual(
    dataOf(ofProvider).map(({ action }) => action),
    ['delete', 'update', 'create'],
  )
  const said = JSON.stringify([made, key, [...answers, ofKey, ofProvider].map(({ text }) => text)])
  const files = readdirSync(gateway.dataDir, { recursive: true, withFileTypes: true })
  const kept = files
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(path.join(parentPath, name), 'latin1'))
    .join('\n')
  assert.ok(kept.includes('audited'))
  for (const secret of canaries)
    for (const text of [said, gateway.stderr(), gateway.stdout(), kept])
      assert.ok(!text.includes(secret), secret)
})
