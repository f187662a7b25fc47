import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import {
  type AskAdmin,
  askAdminOf,
  chatWith,
  dataOf,
  errorOf,
  expectStatus,
} from './admin-client.ts'

const fileKey = 'sk-bf-11111111-1111-4111-8111-111111111111'
const value = /^sk-bf-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/
let gateway: Gateway
let ask: AskAdmin

before(async () => {
  gateway = await startGateway({
    config: {
      version: 1,
      auth: { admin: { password: 'a-good-password' } },
      providers: { demo: {} },
      teams: [{ name: 'filed' }],
      virtual_keys: [{ name: 'of the file', value: fileKey, models: ['demo/*'], team: 'filed' }],
    },
  })
  ask = askAdminOf(gateway)
})
after(() => gateway.stop('SIGINT'))

const create = async (body: object) =>
  expectStatus(await ask('/api/virtual-keys', { body }), 201).body
const pathOf = (key: Record<string, unknown>, more = ''): string =>
  `/api/virtual-keys/${key['id']}${more}`

test('a key lives from its making to its end, each change in force with the answer', async () => {
  const made = await create({
    name: 'life',
    models: ['demo/hello'],
    limits: { requests: '100/1m', concurrency: 10 },
    budget: { usd: '12.50', per: 'day' },
    expires_at: '2099-01-01T00:00:00Z',
    metadata: { owner: 'ops' },
    forward_headers: ['X-Trace'],
  })
  const key = String(made['value'])
  assert.match(key, value)
  assert.equal(made['hint'], `sk-bf-…${key.slice(-4)}`)
  assert.deepEqual(made['limits'], { requests: '100/1m', tokens: null, concurrency: 10 })
  assert.deepEqual(made['budget'], {
    usd: '12.50',
    usd_nanos: 12_500_000_000,
    per: 'day',
    assume_output_tokens: 4096,
    unpriced: 'refuse',
    strict: false,
  })
  assert.equal((await chatWith(gateway, key)).status, 200)
  assert.equal((await chatWith(gateway, key, { model: 'demo/json' })).status, 403)

  const shown = expectStatus(await ask(pathOf(made)), 200)
  assert.equal(shown.headers.get('etag'), '"1"')
  assert.equal(shown.headers.get('cache-control'), 'no-store')
  assert.doesNotMatch(shown.text, new RegExp(`${key}|"value"|"hash"`))

  const changed = await ask(pathOf(made), {
    method: 'PATCH',
    body: { models: null, limits: { requests: '1/1h' } },
  })
  assert.equal(expectStatus(changed, 200).headers.get('etag'), '"2"')
  assert.deepEqual(changed.body['metadata'], { owner: 'ops' })
  assert.equal((await chatWith(gateway, key, { model: 'demo/json' })).status, 200)
  assert.equal((await chatWith(gateway, key)).status, 429)
  expectStatus(await ask(pathOf(made), { method: 'PATCH', body: { limits: null } }), 200)
  assert.equal((await chatWith(gateway, key)).status, 200)

  expectStatus(await ask(pathOf(made, '/disable'), { method: 'POST' }), 200)
  assert.equal((await chatWith(gateway, key)).status, 403)
  expectStatus(await ask(pathOf(made, '/enable'), { method: 'POST' }), 200)
  assert.equal((await chatWith(gateway, key)).status, 200)

  expectStatus(await ask(pathOf(made), { method: 'DELETE' }), 200)
  assert.equal((await chatWith(gateway, key)).status, 401)
  const deleted = expectStatus(await ask(pathOf(made)), 200)
  assert.notEqual(deleted.body['deleted_at'], null)
  expectStatus(await ask(pathOf(made), { method: 'DELETE' }), 404)
  expectStatus(await ask(pathOf(made), { method: 'PATCH', body: { enabled: true } }), 404)
  await create({ name: 'life' })
})

test('what is shown can be written back, and nothing of it is lost', async () => {
  const made = await create({
    name: 'round trip',
    limits: { tokens: '5000/90s', requests: '7/minute' },
    budget: { usd: 0.000000001, per: '36h', unpriced: 'allow', strict: true },
  })
  const { limits, budget, models, provider_keys, expires_at } = made
  const body = { limits, budget, models, provider_keys, expires_at }
  const again = expectStatus(await ask(pathOf(made), { method: 'PATCH', body }), 200)
  assert.deepEqual(again.body['limits'], limits)
  assert.deepEqual(again.body['budget'], budget)
})

test('a rotated key opens by its new value, and by the old one as long as was said', async () => {
  const made = await create({ name: 'rotated' })
  const old = String(made['value'])
  const rotated = await ask(pathOf(made, '/rotate'), { body: { overlap: '1h' } })
  const fresh = String(expectStatus(rotated, 200).body['value'])
  assert.notEqual(fresh, old)
  assert.notEqual(rotated.body['previous_until'], null)
  assert.equal((await chatWith(gateway, old)).status, 200)
  assert.equal((await chatWith(gateway, fresh)).status, 200)
  const last = await ask(pathOf(made, '/rotate'), { body: { overlap: '0s' } })
  assert.equal(expectStatus(last, 200).body['previous_until'], null)
  assert.deepEqual(
    await Promise.all([old, fresh].map(async (key) => (await chatWith(gateway, key)).status)),
    [401, 401],
  )
  assert.equal((await chatWith(gateway, String(last.body['value']))).status, 200)
  const wrong = await ask(pathOf(made, '/rotate'), { body: { overlap: '999999d' } })
  assert.equal(errorOf(expectStatus(wrong, 400)).param, 'overlap')
})

test('a change by somebody who saw an older version is refused with 412', async () => {
  const made = await create({ name: 'contended' })
  const patch = (version: string, body: object) =>
    ask(pathOf(made), { method: 'PATCH', body, headers: { 'if-match': version } })
  expectStatus(await patch('"1"', { metadata: { a: '1' } }), 200)
  const late = expectStatus(await patch('"1"', { metadata: { a: '2' } }), 412)
  assert.equal(errorOf(late).code, 'version_conflict')
  assert.deepEqual((await ask(pathOf(made))).body['metadata'], { a: '1' })
  expectStatus(await patch('*', { metadata: { a: '3' } }), 200)
  assert.equal(
    errorOf(expectStatus(await patch('three', { enabled: true }), 400)).param,
    'if-match',
  )
  const remove = { method: 'DELETE', headers: { 'if-match': '"1"' } }
  expectStatus(await ask(pathOf(made), remove), 412)
  // Without a version each of many writers gets through, and none overwrites what it did not mean to.
  const writes = Array.from({ length: 4 }, (_, i) =>
    ask(pathOf(made), { method: 'PATCH', body: i % 2 ? { models: [`m${i}`] } : { enabled: true } }),
  )
  for (const answer of await Promise.all(writes)) expectStatus(answer, 200)
})

test('keys of the file are shown with their rights, and changed there alone', async () => {
  const listed = dataOf(await ask('/api/virtual-keys?managed_by=file'))
  assert.equal(listed.length, 1)
  const [key = {}] = listed
  assert.deepEqual(
    [key['name'], key['managed_by'], key['models'], key['team']],
    ['of the file', 'file', ['demo/*'], 'filed'],
  )
  for (const [more, method, body] of [
    ['', 'PATCH', { enabled: false }],
    ['', 'DELETE', undefined],
    ['/rotate', 'POST', { overlap: '1h' }],
    ['/disable', 'POST', undefined],
  ] as const) {
    const answer = expectStatus(await ask(pathOf(key, more), { method, body }), 409)
    assert.equal(errorOf(answer).code, 'managed_by_file')
  }
  assert.equal((await chatWith(gateway, fileKey)).status, 200)
  const shadow = await create({ name: 'of the file' })
  assert.equal(shadow['shadowed'], true)
  assert.equal((await chatWith(gateway, String(shadow['value']))).status, 401)
  const team = await ask('/api/virtual-keys', { body: { name: 'x', team: 'filed' } })
  assert.match(errorOf(expectStatus(team, 400)).message, /the configuration file's/)
})

test('a list is paged by the last id seen, filtered, and complete', async () => {
  const names = Array.from({ length: 7 }, (_, i) => `paged ${i}`)
  for (const name of names) await create({ name })
  const seen: unknown[] = []
  for (let after = ''; ; ) {
    const page = expectStatus(await ask(`/api/virtual-keys?search=PAGED&limit=3${after}`), 200)
    seen.push(...dataOf(page).map(({ name }) => name))
    if (page.body['has_more'] !== true) break
    after = `&after=${dataOf(page).at(-1)?.['id']}`
  }
  assert.deepEqual(seen, names.toReversed())
  for (const query of [
    'limit=0',
    'limit=x',
    'limit=201',
    'after=nobody',
    'order=name',
    'enabled=1',
  ])
    expectStatus(await ask(`/api/virtual-keys?${query}`), 400)
})

test('what is wrong is refused with the field, and nothing is written', async () => {
  const before = dataOf(await ask('/api/virtual-keys?limit=200')).length
  const wrong: readonly (readonly [object | string, string | null])[] = [
    [{}, 'name'],
    [{ name: '' }, 'name'],
    [{ name: 'x'.repeat(129) }, 'name'],
    [{ name: 'a\u0000b' }, 'name'],
    [{ name: 'a\nb' }, 'name'],
    [{ name: 7 }, 'name'],
    [{ name: 'x', nmae: 'y' }, 'nmae'],
    [{ name: 'x', value: 'sk-bf-mine' }, 'value'],
    [{ name: 'x', hint: 'sk-bf-…2a77' }, 'hint'],
    [{ name: 'x', models: [] }, 'models'],
    [{ name: 'x', models: ['a', 3] }, 'models[1]'],
    [{ name: 'x', limits: { requests: '-5/1m' } }, 'limits.requests'],
    [{ name: 'x', limits: { requests: '0/1m' } }, 'limits.requests'],
    [{ name: 'x', limits: { requests: '100' } }, 'limits.requests'],
    [{ name: 'x', limits: { tokens: '1e9/1m' } }, 'limits.tokens'],
    [{ name: 'x', limits: { concurrency: -1 } }, 'limits.concurrency'],
    [{ name: 'x', limits: { concurrency: 1.5 } }, 'limits.concurrency'],
    [{ name: 'x', limits: { rps: 1 } }, 'limits.rps'],
    [{ name: 'x', limits: 'none' }, 'limits'],
    [{ name: 'x', budget: { usd: -1, per: '1d' } }, 'budget.usd'],
    [{ name: 'x', budget: { usd: 0, per: '1d' } }, 'budget.usd'],
    [{ name: 'x', budget: { usd: '0.00', per: '1d' } }, 'budget.usd'],
    [{ name: 'x', budget: { usd: '9000001', per: '1d' } }, 'budget.usd'],
    [{ name: 'x', budget: { usd: 1e300, per: '1d' } }, 'budget.usd'],
    [{ name: 'x', budget: { usd: '1.0000000001', per: '1d' } }, 'budget.usd'],
    [{ name: 'x', budget: { usd: '5.00', usd_nanos: 5, per: '1d' } }, 'budget.usd_nanos'],
    [{ name: 'x', budget: { usd: 5 } }, 'budget.per'],
    [{ name: 'x', budget: { usd: 5, per: '0s' } }, 'budget.per'],
    [{ name: 'x', budget: { usd: 5, per: 'year' } }, 'budget.per'],
    [{ name: 'x', expires_at: 'tomorrow' }, 'expires_at'],
    [{ name: 'x', expires_at: '2027-02-31T00:00:00Z' }, 'expires_at'],
    [{ name: 'x', team: 'nobody' }, 'team'],
    [{ name: 'x', metadata: { 'a b': 'c' } }, 'metadata'],
    [{ name: 'x', metadata: { a: 1 } }, 'metadata.a'],
    [{ name: 'x', forward_headers: ['a b'] }, 'forward_headers[0]'],
    [[], null],
    ['null', null],
    ['{"name":"x"', null],
  ]
  for (const [body, param] of wrong) {
    const answer = expectStatus(await ask('/api/virtual-keys', { body }), 400)
    assert.equal(errorOf(answer).param, param, JSON.stringify(body))
  }
  const made = await create({ name: 'taken' })
  const twice = await ask('/api/virtual-keys', { body: { name: 'taken' } })
  assert.equal(errorOf(expectStatus(twice, 409)).code, 'name_taken')
  const nothing = await ask(pathOf(made), { method: 'PATCH', body: {} })
  expectStatus(nothing, 400)
  expectStatus(await ask('/api/virtual-keys/nobody'), 404)
  assert.equal(dataOf(await ask('/api/virtual-keys?limit=200')).length, before + 1)
})

test('names that mean something elsewhere are only names here', async () => {
  for (const name of [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "'; drop table virtual_keys; --",
    '=cmd|calc!A1',
    '../../etc/passwd',
    'Ünïcödé 🔑',
  ]) {
    const made = await create({ name })
    assert.equal(made['name'], name)
    const found = await ask(`/api/virtual-keys?search=${encodeURIComponent(name)}`)
    assert.deepEqual(
      dataOf(found).map((key) => key['name']),
      [name],
    )
    assert.match(found.headers.get('content-type') ?? '', /^application\/json/)
    assert.equal(found.headers.get('x-content-type-options'), 'nosniff')
  }
  for (const evil of ["' or '1'='1", '%', '__', '\\', "x'); delete from audit; --"]) {
    const query = encodeURIComponent(evil)
    assert.deepEqual(dataOf(await ask(`/api/virtual-keys?search=${query}`)), [], evil)
    assert.deepEqual(dataOf(await ask(`/api/audit?kind=${query}`)), [])
    assert.deepEqual(dataOf(await ask(`/api/usage?by=key&model=${query}`)), [])
    expectStatus(await ask(`/api/virtual-keys/${query}`), 404)
  }
})

test('every change is in the audit with its before and after, and without a secret', async () => {
  const made = await create({ name: 'audited', metadata: { a: '1' } })
  const key = String(made['value'])
  const headers = { 'x-request-id': 'ticket-77' }
  await ask(pathOf(made), { method: 'PATCH', body: { metadata: { a: '2' } }, headers })
  await ask(pathOf(made, '/rotate'), { body: { overlap: '1h' } })
  await ask(pathOf(made), { method: 'DELETE' })
  const answer = await ask(`/api/audit?object=${made['id']}`)
  const entries = dataOf(answer)
  assert.deepEqual(
    entries.map(({ action }) => action),
    ['delete', 'rotate', 'update', 'create'],
  )
  const update = entries[2] ?? {}
  assert.deepEqual([update['actor'], update['request_id']], ['admin', 'ticket-77'])
  assert.deepEqual((update['before'] as typeof update)['metadata'], { a: '1' })
  assert.deepEqual((update['after'] as typeof update)['metadata'], { a: '2' })
  assert.doesNotMatch(answer.text, new RegExp(`${key}|"hash"`))
  const first = dataOf(await ask('/api/audit?limit=1'))[0]?.['id']
  assert.notEqual(dataOf(await ask(`/api/audit?limit=1&after=${first}`))[0]?.['id'], first)
})
