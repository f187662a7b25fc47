// What is asked of administration by somebody who means harm or means something else, and what must be left behind.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { adminOperations } from '../../src/api/admin-contract.ts'
import {
  type AskAdmin,
  adminPassword,
  askAdminOf,
  dataOf,
  errorOf,
  expectStatus,
} from '../contract/admin-client.ts'
import { answered, type Governed, openGoverned, plainPrice, secretOf } from './governed.ts'

let stage: Governed
let ask: AskAdmin
before(async () => {
  stage = await openGoverned({ keys: { filed: {} }, prices: { 'up/m': plainPrice } })
  stage.upstream.otherwise((request) => answered(request.field('stream') === true, 5, 100))
  ask = askAdminOf(stage.gateway)
  await stage.call('filed')
  await stage.booksWhen(({ lines }) => lines.length > 0)
})
after(() => stage[Symbol.asyncDispose]())

const hostile = [
  "' or 1=1 --",
  "'; drop table ledger; --",
  '") union select hash from virtual_keys --',
  '%',
  '_',
  '\\',
  '%27%20or%201',
  '(a+)+$',
  '.*',
  '[[:alpha:]]*',
  '$1',
  '../../etc/passwd',
  'a\r\nset-cookie: x=y',
  '\u202egnp.exe',
  '🗝'.repeat(100),
]

const lists = [
  ...[
    'virtual-keys?search=',
    'virtual-keys?team=',
    'virtual-keys?after=',
    'virtual-keys?customer=',
  ],
  ...['teams?search=', 'teams?after=', 'customers?search=', 'customers?after='],
  ...['usage?key=', 'usage?model=', 'usage?route=', 'usage?by=', 'usage?bucket=', 'usage?from='],
  ...['ledger?call_id=', 'ledger?after=', 'ledger?limit=', 'budgets?id=', 'budgets?scope='],
  ...['audit?kind=', 'audit?object=', 'audit?actor=', 'audit?after=', 'prices/effective?model='],
  ...[
    'jobs?after=',
    'jobs?status=',
    'logs?key=',
    'logs?search=',
    'virtual-keys/',
    'jobs/',
    'teams/',
  ],
]

test('D11 what stands in a query is a value and nothing else: found, not found, or refused', async () => {
  const rows = async () => (await stage.books()).lines.length
  const before = await rows()
  for (const list of lists)
    for (const text of hostile) {
      const answer = await ask(`/api/${list}${encodeURIComponent(text)}`)
      assert.ok([200, 400, 404].includes(answer.status), `${list}${text}: ${answer.status}`)
      assert.doesNotMatch(answer.text, /sqlite|syntax error|near "|unterminated|pg_/i)
      assert.equal(answer.headers.get('set-cookie'), null)
    }
  assert.equal(await rows(), before)
})

test('D11 signs that mean something to a search mean themselves', async () => {
  for (const name of ['per_cent 100%', 'back\\slash', "it's", 'plain'])
    expectStatus(await ask('/api/virtual-keys', { body: { name } }), 201)
  const found = async (search: string) =>
    dataOf(await ask(`/api/virtual-keys?search=${encodeURIComponent(search)}`)).map(
      ({ name }) => name,
    )
  assert.deepEqual(await found('%'), ['per_cent 100%'])
  assert.deepEqual(await found('r_c'), ['per_cent 100%'])
  assert.deepEqual(await found('\\'), ['back\\slash'])
  assert.deepEqual(await found("'"), ["it's"])
  assert.deepEqual(await found('PLAIN'), ['plain'])
  for (const name of ['100% _team', 'ünï']) await ask('/api/teams', { body: { name } })
  const teams = async (search: string) =>
    dataOf(await ask(`/api/teams?search=${encodeURIComponent(search)}`)).map(({ name }) => name)
  assert.deepEqual(await teams('% _'), ['100% _team'])
  assert.deepEqual(await teams('ÜNÏ'), ['ünï'])
})

test('D03 a name that a header could end in never becomes one', async () => {
  for (const name of ['a\r\nx-evil: 1', 'a\nb', 'a\u0000b', 'a\u007fb']) {
    const answer = expectStatus(await ask('/api/virtual-keys', { body: { name } }), 400)
    assert.equal(errorOf(answer).param, 'name')
    assert.equal(answer.headers.get('x-evil'), null)
  }
  const table = await ask('/api/usage?format=csv&by=key')
  assert.equal(table.headers.get('content-disposition'), 'attachment; filename="usage.csv"')
  assert.equal(table.headers.get('x-content-type-options'), 'nosniff')
})

test('an id of something else, or of nothing, is 404 and never another thing of that name', async () => {
  const { body: team } = expectStatus(await ask('/api/teams', { body: { name: 'by id' } }), 201)
  for (const path of [
    ...[`virtual-keys/${team['id']}`, `customers/${team['id']}`, 'teams/by%20id', 'teams/null'],
    ...['teams/__proto__', 'teams/constructor', 'virtual-keys/undefined', 'virtual-keys/%00'],
  ])
    for (const method of ['GET', 'DELETE']) {
      const { status } = await ask(`/api/${path}`, { method })
      assert.ok(status === 404 || status === 400, `${method} ${path}: ${status}`)
    }
  expectStatus(await ask(`/api/teams/${team['id']}`), 200)
})

test('fields that a type of objects has by itself are unknown fields', async () => {
  for (const body of [
    '{"name":"x","__proto__":{"enabled":false}}',
    '{"name":"x","constructor":{"prototype":{}}}',
    '{"name":"x","metadata":{"__proto__":"y"}}',
    '{"name":"x","toString":"y"}',
    '{"name":"x","id":"mine"}',
    '{"name":"x","origin":"file"}',
    '{"name":"x","version":9}',
    '{"name":"x","previous":{"hash":"a","until":1}}',
  ]) {
    const { status } = await ask('/api/virtual-keys', { body })
    assert.ok(status === 400 || status === 201, `${body}: ${status}`)
    assert.equal(({} as Record<string, unknown>)['enabled'], undefined)
  }
  const named = dataOf(await ask('/api/virtual-keys?search=x&limit=200'))
  for (const { origin, version } of named) assert.ok(origin !== 'file' && Number(version) >= 1)
})

test('D14 everything that changes something is in the audit, once, with who and what', async () => {
  const { body: key } = expectStatus(
    await ask('/api/virtual-keys', { body: { name: 'seen' } }),
    201,
  )
  const { body: team } = expectStatus(await ask('/api/teams', { body: { name: 'seen' } }), 201)
  const { body: customer } = expectStatus(
    await ask('/api/customers', { body: { name: 'seen' } }),
    201,
  )
  const keyPath = `/api/virtual-keys/${key['id']}`
  const limits = { limits: { requests: '9/1m' } }
  const patch = { method: 'PATCH', body: { metadata: { a: 'b' } } }
  const steps: readonly (readonly [string, object])[] = [
    [keyPath, patch],
    [`${keyPath}/rotate`, { body: { overlap: '0s' } }],
    [`${keyPath}/disable`, { method: 'POST' }],
    [`${keyPath}/enable`, { method: 'POST' }],
    [keyPath, { method: 'DELETE' }],
    [`/api/teams/${team['id']}`, patch],
    [`/api/teams/${team['id']}`, { method: 'DELETE' }],
    [`/api/customers/${customer['id']}`, patch],
    [`/api/customers/${customer['id']}`, { method: 'DELETE' }],
    ['/api/limits/provider/up', { method: 'PUT', body: limits }],
    ['/api/limits/provider/up', { method: 'DELETE' }],
    ['/api/config/reload', { method: 'POST' }],
    ['/api/ledger/recount', { body: { from: '2026-01-01T00:00:00Z' } }],
    ['/api/ledger/reprice', { body: { model: 'up/m', from: '2026-01-01T00:00:00Z' } }],
    ['/api/session/login', { body: { username: 'admin', password: adminPassword } }],
    ['/api/session/login', { body: { username: 'admin', password: 'wrong' } }],
    ['/api/session/logout-everywhere', { method: 'POST' }],
  ]
  const { body: newest } = await ask('/api/audit?limit=1')
  const last = (newest['data'] as { id: string }[])[0]?.id
  for (const [path, how] of steps) {
    const { status, text } = await ask(path, how)
    assert.ok(status < 300 || status === 401, `${path}: ${status} ${text}`)
  }
  const entries = dataOf(await ask('/api/audit?limit=200'))
  const since = entries
    .slice(
      0,
      entries.findIndex(({ id }) => id === last),
    )
    .toReversed()
  assert.deepEqual(
    since.map(({ kind, action }) => `${kind} ${action}`),
    [
      ...['update', 'rotate', 'disable', 'enable', 'delete'].map((each) => `virtual_key ${each}`),
      ...['team update', 'team delete', 'customer update', 'customer delete'],
      ...since.slice(9, 11).map(({ kind, action }) => `${kind} ${action}`),
      ...['config reload', 'ledger recount', 'ledger reprice'],
      ...['session login', 'session login_refused', 'session logout_everywhere'],
    ],
  )
  for (const entry of since) {
    assert.equal(entry['actor'], 'admin')
    assert.ok(String(entry['request_id']).length > 8)
    assert.doesNotMatch(JSON.stringify(entry), /a-good-password|sk-bf-[0-9a-f]{8}-/)
  }
  for (const method of ['PUT', 'PATCH', 'DELETE', 'POST'])
    expectStatus(await ask('/api/audit', { method, body: {} }), 405)
})

test('D10 no answer of administration holds a key, a hash, or a password', async () => {
  const secrets = [secretOf('filed'), 'sk-up-k1-0123456789', adminPassword]
  for (const { method, path } of adminOperations) {
    if (method !== 'GET' || path.includes('{') || path.endsWith('/tail')) continue
    const { text } = await ask(path)
    for (const secret of secrets)
      assert.ok(!text.includes(secret), `${path} shows ${secret.slice(0, 6)}`)
    assert.doesNotMatch(text, /"(hash|sealed|password_hash)"/, path)
  }
})

test('D15 whoever asks how it is going is told that and nothing else', async () => {
  const { url } = stage.gateway
  for (const path of ['/livez', '/readyz', '/health']) {
    const text = await (await fetch(`${url}${path}`)).text()
    assert.ok(text.length < 200, text)
    assert.doesNotMatch(text, /up|sk-|filed|sqlite|\/tmp|\d+\.\d+\.\d+/i, path)
  }
  const metrics = await (await fetch(`${url}/metrics`)).text()
  for (const secret of [secretOf('filed'), 'sk-up-k1', adminPassword])
    assert.ok(!metrics.includes(secret))
})
