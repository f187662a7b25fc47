import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import {
  type AdminAnswer,
  type AskAdmin,
  askAdminOf,
  chatWith,
  dataOf,
  errorOf,
  expectStatus,
} from './admin-client.ts'

let gateway: Gateway
let ask: AskAdmin
/** Two cents for a million tokens each way, and a cent per call. */
const price = { input_per_million: 0.02, output_per_million: 0.02, per_request: 0.01 }
const config = (more: object = {}) => ({
  version: 1,
  auth: { admin: { password: 'a-good-password' } },
  providers: { demo: { limits: { requests: '100000/1m' } } },
  models: { named: { targets: [{ model: 'demo/hello' }] } },
  teams: [{ name: 'filed', budget: { usd: 5, per: '1d' } }],
  prices: { 'demo/hello': price },
  ...more,
})

before(async () => {
  gateway = await startGateway({ config: config() })
  ask = askAdminOf(gateway)
})
after(() => gateway.stop('SIGINT'))

const create = async (path: string, body: object) =>
  expectStatus(await ask(`/api/${path}`, { body }), 201).body
const until = async (look: () => Promise<boolean>): Promise<void> => {
  const limit = performance.now() + 10_000
  while (!(await look())) assert.ok(performance.now() < limit, 'it did not come about')
}
/** The ledger is written a moment after the answer. */
const untilSettled = (key: Record<string, unknown>, attempts: number) =>
  until(async () => {
    const { body } = await ask(`/api/usage?key=${key['id']}`)
    return (body['total'] as { attempts: number }).attempts === attempts
  })

test('teams and customers are made, changed, found and deleted, and what is in use stays', async () => {
  const customer = await create('customers', {
    name: 'acme',
    budget: { usd: '5.00', per: 'month' },
  })
  const team = await create('teams', {
    name: 'web',
    customer: 'acme',
    limits: { requests: '9/1m' },
  })
  assert.deepEqual([team['customer'], team['customer_id']], ['acme', customer['id']])
  const key = await create('virtual-keys', { name: 'of web', team: 'web' })
  assert.deepEqual([key['team'], key['team_id']], ['web', team['id']])
  for (const [path, by] of [
    [`customers/${customer['id']}`, 'team web'],
    [`teams/${team['id']}`, 'key of web'],
  ]) {
    const answer = expectStatus(await ask(`/api/${path}`, { method: 'DELETE' }), 409)
    assert.match(errorOf(answer).message, new RegExp(`by the ${by}`))
  }
  const renamed = { method: 'PATCH', body: { name: 'site' }, headers: { 'if-match': '"1"' } }
  expectStatus(await ask(`/api/teams/${team['id']}`, renamed), 200)
  expectStatus(await ask(`/api/teams/${team['id']}`, renamed), 412)
  assert.equal((await ask(`/api/virtual-keys/${key['id']}`)).body['team'], 'site')
  assert.deepEqual(
    dataOf(await ask('/api/virtual-keys?team=site')).map(({ id }) => id),
    [key['id']],
  )
  expectStatus(await ask(`/api/virtual-keys/${key['id']}`, { method: 'DELETE' }), 200)
  for (const path of [`teams/${team['id']}`, `customers/${customer['id']}`]) {
    expectStatus(await ask(`/api/${path}`, { method: 'DELETE' }), 200)
    expectStatus(await ask(`/api/${path}`), 404)
  }
  const ofFile = dataOf(await ask('/api/teams'))[0] ?? {}
  assert.deepEqual([ofFile['name'], ofFile['managed_by']], ['filed', 'file'])
  const change = { method: 'PATCH', body: { name: 'mine' } }
  expectStatus(await ask(`/api/teams/${ofFile['id']}`, change), 409)
  expectStatus(await ask('/api/teams', { body: { name: 'x', customer: 'nobody' } }), 400)
})

test("a team's limit holds for all of its keys, from the answer on", async () => {
  const team = await create('teams', { name: 'capped' })
  const keys = [
    await create('virtual-keys', { name: 'one of it', team: 'capped' }),
    await create('virtual-keys', { name: 'two of it', team: 'capped' }),
  ].map((each) => String(each['value']))
  const call = async (at: number) => (await chatWith(gateway, keys[at] ?? '')).status
  assert.equal(await call(0), 200)
  await ask(`/api/teams/${team['id']}`, { method: 'PATCH', body: { limits: { requests: '2/1h' } } })
  assert.deepEqual(
    [await call(0), await call(1), await call(0), await call(1)],
    [200, 200, 429, 429],
  )
})

test('providers and models are limited for everybody, and the file goes before', async () => {
  const key = String((await create('virtual-keys', { name: 'limited' }))['value'])
  const path = '/api/limits/model/demo%2Fjson'
  const call = async () => (await chatWith(gateway, key, { model: 'demo/json' })).status
  const put = (limits: object, headers = {}) => ask(path, { method: 'PUT', body: limits, headers })
  const one = { limits: { requests: '1/1h' } }
  const made = expectStatus(await put(one, { 'if-none-match': '*' }), 200)
  assert.deepEqual([made.body['name'], made.headers.get('etag')], ['demo/json', '"1"'])
  assert.deepEqual([await call(), await call()], [200, 429])
  expectStatus(await put(one, { 'if-none-match': '*' }), 412)
  expectStatus(await put({ limits: { requests: '3/1h' } }, { 'if-match': '"1"' }), 200)
  assert.equal(await call(), 200)
  expectStatus(await put({}), 400)
  expectStatus(await put({ limits: null }), 400)
  // The slash may stand as it is.
  expectStatus(await ask('/api/limits/model/demo/json'), 200)
  expectStatus(await ask(path, { method: 'DELETE' }), 200)
  expectStatus(await ask(path, { method: 'DELETE' }), 404)
  assert.equal(await call(), 200)
  const ofFile = { method: 'PUT', body: one }
  expectStatus(await ask('/api/limits/provider/demo', ofFile), 409)
  expectStatus(await ask('/api/limits/nothing/demo', ofFile), 404)
  const listed = dataOf(await ask('/api/limits'))
  assert.deepEqual(
    listed.map(({ kind, name, managed_by }) => [kind, name, managed_by]),
    [['provider', 'demo', 'file']],
  )
})

test('a budget is spent, shown, hit with 402, and raised', async () => {
  const key = await create('virtual-keys', { name: 'paying', budget: { usd: '0.025', per: '1d' } })
  const call = () => chatWith(gateway, String(key['value']), { model: 'named', max_tokens: 10 })
  expectStatus(await call(), 200)
  expectStatus(await call(), 200)
  assert.equal(errorOf(expectStatus(await call(), 402)).code, 'budget_exceeded')
  await untilSettled(key, 2)
  const state = async () => dataOf(await ask(`/api/budgets?scope=key&id=${key['id']}`))[0] ?? {}
  const spent = await state()
  assert.deepEqual([spent['name'], spent['limit_usd'], spent['per']], ['paying', '0.025', '1d'])
  assert.ok(Number(spent['spent_usd']) > 0.02 && Number(spent['spent_usd']) < 0.021)
  assert.ok(Date.parse(String(spent['resets_at'])) > Date.now())
  await ask(`/api/virtual-keys/${key['id']}`, {
    method: 'PATCH',
    body: { budget: { usd: '1.00', per: '1d' } },
  })
  expectStatus(await call(), 200)
  await untilSettled(key, 3)
  const usage = await ask(`/api/usage?by=key,model&key=${key['id']}`)
  const [row = {}] = dataOf(usage)
  assert.deepEqual([row['key_name'], row['model'], row['calls']], ['paying', 'hello', 3])
  assert.equal((await state())['spent_nanos'], row['cost_nanos'])
})

test('what was used is told by what is asked for, as JSON and as a table that no spreadsheet runs', async () => {
  const name = '=HYPERLINK("http://evil.example")'
  const key = await create('virtual-keys', { name })
  expectStatus(await chatWith(gateway, String(key['value'])), 200)
  await untilSettled(key, 1)
  for (const [query, headers] of [
    ['format=csv', {}],
    ['', { accept: 'text/csv' }],
  ] as const) {
    const table = await ask(`/api/usage?by=key,form&bucket=day&key=${key['id']}&${query}`, {
      headers,
    })
    assert.match(table.headers.get('content-type') ?? '', /^text\/csv/)
    assert.match(table.headers.get('content-disposition') ?? '', /^attachment/)
    assert.equal(table.headers.get('x-content-type-options'), 'nosniff')
    const [head, row] = table.text.split('\r\n')
    assert.match(head ?? '', /^at,key,key_name,form,calls,attempts,/)
    assert.match(row ?? '', /,"'=HYPERLINK\(""http:\/\/evil\.example""\)",plain,1,1,/)
  }
  for (const query of [
    'by=secret',
    'by=key;drop',
    'by=key,team,customer,route,provider',
    'bucket=minute',
    'from=yesterday',
    'from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z',
    'bucket=hour&from=2020-01-01T00:00:00Z',
    'sort=1',
  ])
    expectStatus(await ask(`/api/usage?${query}`), 400)
  expectStatus(await ask(`/api/virtual-keys/${key['id']}`, { method: 'DELETE' }), 200)
  const [gone = {}] = dataOf(await ask(`/api/usage?by=key&key=${key['id']}`))
  assert.equal(gone['key_name'], name, 'the ledger knows whom it is about for ever')
})

test('the ledger is read line by line, priced anew and counted anew', async () => {
  const key = await create('virtual-keys', { name: 'repriced', budget: { usd: '9.00', per: '1d' } })
  const from = new Date().toISOString()
  const answers: AdminAnswer[] = []
  for (let i = 0; i < 3; i++)
    answers.push(await chatWith(gateway, String(key['value']), { max_tokens: 10 }))
  await untilSettled(key, 3)
  const callId = answers[0]?.headers.get('x-sluice-call-id')
  const [line = {}] = dataOf(await ask(`/api/ledger?call_id=${callId}`))
  assert.deepEqual(
    [line['key'], line['outcome'], line['price'], line['call_id']],
    ['repriced', 'answered', 'file', callId],
  )
  const seen = new Set<unknown>()
  for (let after = ''; ; ) {
    const page = expectStatus(await ask(`/api/ledger?limit=2${after}`), 200)
    for (const { id } of dataOf(page)) assert.ok(!seen.has(id), String(id))
    for (const { id } of dataOf(page)) seen.add(id)
    if (page.body['next'] === null) break
    after = `&after=${encodeURIComponent(String(page.body['next']))}`
  }
  assert.ok(seen.size >= 6)
  const state = async () => dataOf(await ask(`/api/budgets?scope=key&id=${key['id']}`))[0] ?? {}
  const before = Number((await state())['spent_nanos'])
  const dearer = { ...price, per_request: 0.02 }
  writeFileSync(gateway.configFile, JSON.stringify(config({ prices: { 'demo/hello': dearer } })))
  expectStatus(await ask('/api/config/reload', { method: 'POST' }), 200)
  const body = { model: 'demo/hello', from }
  const repriced = expectStatus(await ask('/api/ledger/reprice', { body }), 200)
  assert.deepEqual([repriced.body['repriced'], repriced.body['complete']], [3, true])
  assert.equal(Number((await state())['spent_nanos']), before + 3 * 10_000_000)
  const { body: used } = await ask(`/api/usage?key=${key['id']}`)
  assert.equal((used['total'] as { cost_nanos: number }).cost_nanos, before + 30_000_000)
  const counted = await ask('/api/ledger/recount', { body: { from } })
  assert.deepEqual(expectStatus(counted, 200).body['budgets'], [])
  expectStatus(await ask('/api/ledger/reprice', { body: { ...body, model: 'x' } }), 400)
  expectStatus(await ask('/api/ledger/recount', { body: { from: 'ever' } }), 400)
})

test('prices are told with where they are from', async () => {
  const [own = {}] = dataOf(await ask('/api/prices'))
  assert.deepEqual([own['model'], own['managed_by']], ['demo/hello', 'file'])
  const of = async (model: string) => (await ask(`/api/prices/effective?model=${model}`)).body
  const known = (await of('demo/hello'))['price'] as Record<string, unknown>
  assert.equal(known['source'], 'file')
  assert.deepEqual((known['input'] as typeof known)['nanos_per_million'], 20_000_000)
  assert.equal(((await of('demo/json'))['price'] as typeof known)['source'], 'local')
  expectStatus(await ask('/api/prices/effective?model=nobody/x'), 404)
  expectStatus(await ask('/api/prices/effective?model=x'), 400)
})
