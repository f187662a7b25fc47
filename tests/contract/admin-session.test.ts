import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { adminOperations } from '../../src/api/admin-contract.ts'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import {
  type AskAdmin,
  adminPassword,
  askAdminOf,
  chatWith,
  dataOf,
  errorOf,
  expectStatus,
} from './admin-client.ts'

const key = 'sk-bf-11111111-1111-4111-8111-111111111111'
const config = {
  version: 1,
  server: { trusted_proxies: ['127.0.0.1'] },
  auth: { admin: { password: adminPassword } },
  providers: { demo: {} },
  virtual_keys: [{ name: 'team', value: key }],
}
let gateway: Gateway
let ask: AskAdmin

before(async () => {
  gateway = await startGateway({ config })
  ask = askAdminOf(gateway)
})
after(() => gateway.stop('SIGINT'))

const noOne = { authorization: '' }
const login = (body: object = { username: 'admin', password: adminPassword }, headers = {}) =>
  ask('/api/session/login', { body, headers: { ...noOne, ...headers } })
const cookieOf = ({ headers }: { readonly headers: Headers }): string =>
  (headers.get('set-cookie') ?? '').split(';', 1)[0] ?? ''

test('a session begins with a cookie no script can read, and ends for good', async () => {
  const begun = expectStatus(await login(), 200)
  const set = begun.headers.get('set-cookie') ?? ''
  assert.match(
    set,
    /^sluice_session=sluice-session-[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=43200$/,
  )
  const cookie = { ...noOne, cookie: cookieOf(begun) }
  const who = expectStatus(await ask('/api/session', { headers: cookie }), 200).body
  assert.deepEqual([who['username'], who['via']], ['admin', 'session'])
  const [idle, end] = [who['idle_until'], who['expires_at']].map((at) => Date.parse(String(at)))
  assert.ok(Number(idle) < Number(end))
  expectStatus(await ask('/api/virtual-keys', { headers: cookie }), 200)
  expectStatus(await ask('/api/session/logout', { method: 'POST', headers: cookie }), 204)
  expectStatus(await ask('/api/session', { headers: cookie }), 401)
  const basic = (await ask('/api/session')).body
  assert.deepEqual([basic['via'], basic['expires_at']], ['basic', null])
})

test('behind a proxy that ends TLS the cookie is for TLS alone', async () => {
  const secure = await login(undefined, { 'x-forwarded-proto': 'https' })
  assert.match(secure.headers.get('set-cookie') ?? '', /; Secure$/)
})

test('each login is another session, whatever token was there before, and all end together', async () => {
  const fixed = `sluice_session=sluice-session-${'A'.repeat(43)}`
  const [one, two] = [await login(undefined, { cookie: fixed }), await login()]
  assert.notEqual(cookieOf(one), fixed)
  assert.notEqual(cookieOf(one), cookieOf(two))
  const session = (cookie: string) => ask('/api/session', { headers: { ...noOne, cookie } })
  expectStatus(await session(fixed), 401)
  expectStatus(await session(cookieOf(one)), 200)
  const headers = { ...noOne, cookie: cookieOf(two) }
  const ended = await ask('/api/session/logout-everywhere', { method: 'POST', headers })
  assert.ok(Number(expectStatus(ended, 200).body['ended']) >= 2)
  for (const each of [one, two]) expectStatus(await session(cookieOf(each)), 401)
})

test("a session's token is a bearer of the admin on every route", async () => {
  const token = String((await login()).body['token'])
  const bearer = { authorization: `Bearer ${token}` }
  expectStatus(await ask('/api/audit', { headers: bearer }), 200)
  expectStatus(await chatWith(gateway, token), 200)
  expectStatus(await ask('/v1/models', { headers: bearer }), 200)
  expectStatus(await ask('/api/session/logout', { method: 'POST', headers: bearer }), 204)
  expectStatus(await chatWith(gateway, token), 401)
  expectStatus(await chatWith(gateway, `sluice-session-${'B'.repeat(43)}`), 401)
})

test('a cookie alone opens nothing outside the API', async () => {
  const headers = { ...noOne, cookie: cookieOf(await login()) }
  expectStatus(await ask('/v1/models', { headers }), 401)
})

test('writes from pages of elsewhere are refused, with whatever credential', async () => {
  const cookie = cookieOf(await login())
  const host = new URL(gateway.url).host
  const body = { name: 'csrf' }
  for (const who of [{}, { ...noOne, cookie }]) {
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `https://${host}.evil.example` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
      { origin: `http://${host}`, 'sec-fetch-site': 'cross-site' },
    ])
      expectStatus(await ask('/api/teams', { body, headers: { ...who, ...headers } }), 403)
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      '',
    ])
      expectStatus(
        await ask('/api/teams', { body, headers: { ...who, 'content-type': type } }),
        415,
      )
    const bodiless = { method: 'POST', headers: { ...who, origin: 'https://evil.example' } }
    expectStatus(await ask('/api/config/reload', bodiless), 403)
    expectStatus(await ask('/api/session/logout', bodiless), 403)
  }
  expectStatus(await login(undefined, { origin: 'https://evil.example' }), 403)
  assert.deepEqual(dataOf(await ask('/api/teams')), [])
  const own = { ...noOne, cookie, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }
  expectStatus(await ask('/api/teams', { body, headers: own }), 201)
})

test('guessing the password becomes slow, and tells neither name nor password', async () => {
  const from = { 'x-forwarded-for': '198.51.100.7' }
  const guess = (username: string, password: string) => login({ username, password }, from)
  const wrongName = await guess('nobody', adminPassword)
  const wrongPassword = await guess('admin', 'wrong')
  assert.deepEqual(
    [wrongName.status, errorOf(wrongName)],
    [wrongPassword.status, errorOf(wrongPassword)],
  )
  assert.equal(wrongName.headers.get('www-authenticate'), null)
  assert.equal(wrongName.headers.get('set-cookie'), null)
  const statuses: number[] = []
  for (let i = 0; i < 7; i++) statuses.push((await guess('admin', `wrong ${i}`)).status)
  assert.ok(statuses.includes(429), statuses.join())
  const right = await guess('admin', adminPassword)
  assert.equal(errorOf(expectStatus(right, 429)).code, 'login_throttled')
  assert.ok(Number(right.headers.get('retry-after')) >= 1)
  expectStatus(await login(), 200)
  const refused = dataOf(await ask('/api/audit?kind=session&limit=100')).filter(
    ({ action }) => action === 'login_refused',
  )
  assert.ok(refused.length >= 2)
  assert.doesNotMatch(JSON.stringify(refused), /wrong \d/)
})

test('what a login is asked with is checked, and a large one not even read', async () => {
  for (const [body, param] of [
    [{}, 'username'],
    [{ username: 'admin' }, 'password'],
    [{ username: 'admin', password: 7 }, 'password'],
    [{ username: 'admin', password: 'x', remember: true }, 'remember'],
  ] as const)
    assert.equal(errorOf(expectStatus(await login(body), 400)).param, param)
  expectStatus(await login({ username: 'admin', password: 'x'.repeat(20_000) }), 413)
})

test('every route is for the admin alone: nobody gets 401, a virtual key 403', async () => {
  assert.ok(adminOperations.length > 40)
  const asBearer = { authorization: `Bearer ${key}` }
  for (const { method, path: spelt, body, example, open } of adminOperations) {
    if (open) continue
    const at = spelt.replace(/\{kind\}/, 'model').replace(/\{\w+(\.\.\.)?\}/g, 'some')
    const given = body === null ? { method } : { method, body: example }
    const where = `${method} ${at}`
    for (const [headers, status] of [
      [noOne, 401],
      [{ authorization: 'Basic bm9ib2R5Ong=' }, 401],
      [{ ...noOne, cookie: `sluice_session=sluice-session-${'C'.repeat(43)}` }, 401],
      [{ authorization: `Bearer ${key.replaceAll('1', '9')}` }, 401],
      [asBearer, 403],
      [{ ...noOne, 'x-bf-vk': key }, 403],
      [{ ...noOne, 'api-key': key }, 403],
    ] as const) {
      const { status: got } = await ask(at, { ...given, headers })
      // Guesses of one address become slow.
      assert.ok(
        got === status || (got === 429 && status === 401),
        `${where}: ${got}, not ${status}`,
      )
    }
  }
  assert.deepEqual(dataOf(await ask('/api/virtual-keys?managed_by=api')), [])
})

test('the configuration is shown without secrets, checked as text, and read again', async () => {
  const shown = expectStatus(await ask('/api/config'), 200)
  const settings = shown.body['settings'] as { path: string; value: string; origin: string }[]
  const password = settings.find(({ path: at }) => at === 'auth.admin.password')
  assert.equal(password?.value, '***')
  assert.match(password?.origin ?? '', /sluice\.yaml:\d+$/)
  assert.doesNotMatch(shown.text, new RegExp(`${adminPassword}|${key}`))
  const check = async (text: string) => (await ask('/api/config/validate', { body: { text } })).body
  assert.equal((await check(readFileSync(gateway.configFile, 'utf8')))['valid'], true)
  const wrong = await check('version: 1\nserver: { prot: 80 }\n')
  const [problem] = wrong['problems'] as { line: number; message: string }[]
  assert.deepEqual([wrong['valid'], problem?.line], [false, 2])
  assert.match(problem?.message ?? '', /port/)
  const secret = await check(`version: 1\nserver: { port: "\${file:/etc/hostname}" }\n`)
  assert.doesNotMatch(
    JSON.stringify(secret),
    new RegExp(readFileSync('/etc/hostname', 'utf8').trim()),
  )
  expectStatus(await ask('/api/config/validate', { body: { txt: 'x' } }), 400)
  expectStatus(await ask('/api/config/reload', { method: 'POST' }), 200)
})

test('jobs of everybody are listed, shown and cancelled', async () => {
  const submit = await fetch(`${gateway.url}/v1/async/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'demo/slow', messages: [{ role: 'user', content: 'hi' }] }),
  })
  const { id } = (await submit.json()) as { id: string }
  const listed = dataOf(await ask('/api/jobs'))
  assert.deepEqual([listed[0]?.['id'], listed[0]?.['owner']], [id, 'key:team'])
  assert.equal((await ask(`/api/jobs/${id}`)).body['model'], 'demo/slow')
  const cancelled = expectStatus(await ask(`/api/jobs/${id}`, { method: 'DELETE' }), 200)
  assert.equal(cancelled.body['error_code'], 'job_cancelled')
  expectStatus(await ask(`/api/jobs/${id}`, { method: 'DELETE' }), 409)
  expectStatus(await ask('/api/jobs/nobody'), 404)
  expectStatus(await ask('/api/jobs?status=odd'), 400)
})

test('the first login removes the file of the first run, and a new password ends all sessions', async () => {
  const fresh = await startGateway({ noConfig: true })
  const { password } = await fresh.firstRun()
  const file = path.join(fresh.dataDir, 'first-run.txt')
  const asked = askAdminOf(fresh)
  const basic = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`
  expectStatus(await asked('/api/session', { headers: { authorization: basic } }), 200)
  assert.ok(existsSync(file), 'Basic is no login')
  const begin = { username: 'admin', password }
  const begun = await asked('/api/session/login', { body: begin, headers: noOne })
  const token = String(expectStatus(begun, 200).body['token'])
  assert.ok(!existsSync(file))
  await fresh.kill()
  const same = await fresh.restart()
  const session = { headers: { authorization: `Bearer ${token}` } }
  expectStatus(await askAdminOf(same)('/api/session', session), 200)
  await same.kill()
  const yaml = 'version: 1\nproviders: { demo: {} }\nauth: { admin: { password: "another one" } }\n'
  writeFileSync(path.join(path.dirname(same.dataDir), 'sluice.yaml'), yaml)
  const changed = await same.restart()
  expectStatus(await askAdminOf(changed)('/api/session', session), 401)
  await changed.stop('SIGINT')
})

test('the password of the first run is changed by who knows it, and ends every session at once', async () => {
  const fresh = await startGateway({ noConfig: true })
  const { password } = await fresh.firstRun()
  const asked = askAdminOf(fresh)
  const as = (secret: string) => ({
    authorization: `Basic ${Buffer.from(`admin:${secret}`).toString('base64')}`,
  })
  const begin = (secret: string, on = asked) =>
    on('/api/session/login', { body: { username: 'admin', password: secret }, headers: noOne })
  const token = String(expectStatus(await begin(String(password)), 200).body['token'])
  const headers = { authorization: `Bearer ${token}` }
  const change = (body: object, given: Record<string, string> = headers) =>
    asked('/api/session/password', { body, headers: given })
  const next = 'a longer secret 🗝'
  for (const [body, param] of [
    [{ current: 'not it at all', password: next }, 'current'],
    [{ current: password, password: 'short' }, 'password'],
    [{ password: next }, 'current'],
    [{ current: password, password: next, username: 'root' }, 'username'],
  ] as const)
    assert.equal(errorOf(expectStatus(await change(body), 400)).param, param)
  expectStatus(await change({ current: password, password: next }, noOne), 401)
  expectStatus(await asked('/api/session', { headers }), 200)
  const done = expectStatus(await change({ current: password, password: next }), 200)
  assert.equal(done.body['ended'], 1)
  assert.match(done.headers.get('set-cookie') ?? '', /^sluice_session=; .*Max-Age=0/)
  expectStatus(await asked('/api/session', { headers }), 401)
  expectStatus(await asked('/api/session', { headers: as(String(password)) }), 401)
  expectStatus(await begin(String(password)), 401)
  const { text } = expectStatus(await asked('/api/audit', { headers: as(next) }), 200)
  assert.match(text, /"change_password"/)
  assert.ok(!text.includes(next) && !text.includes(String(password)))
  await fresh.kill()
  const same = await fresh.restart()
  expectStatus(await askAdminOf(same)('/api/session', { headers: as(next) }), 200)
  expectStatus(await begin(String(password), askAdminOf(same)), 401)
  await same.stop('SIGINT')
})

test('a password of the configuration is changed there', async () => {
  const body = { current: adminPassword, password: 'another good password' }
  const answer = expectStatus(await ask('/api/session/password', { body }), 409)
  assert.equal(errorOf(answer).code, 'managed_by_file')
  expectStatus(await ask('/api/session'), 200)
})

test('open sessions are listed, and each is ended by itself', async () => {
  await ask('/api/session/logout-everywhere', { method: 'POST' })
  const [one, two] = [await login(), await login()]
  const bearer = (begun: typeof one) => ({
    headers: { authorization: `Bearer ${begun.body['token']}` },
  })
  const open = dataOf(expectStatus(await ask('/api/sessions', bearer(one)), 200))
  assert.deepEqual(open.map(({ current }) => current).toSorted(), [false, true])
  assert.ok(!JSON.stringify(open).includes(String(one.body['token'])))
  const other = open.find(({ current }) => current === false)
  const path = `/api/sessions/${other?.['id']}`
  expectStatus(await ask(path, { method: 'DELETE', ...bearer(one) }), 204)
  expectStatus(await ask(path, { method: 'DELETE', ...bearer(one) }), 404)
  expectStatus(await ask('/api/session', bearer(two)), 401)
  expectStatus(await ask('/api/session', bearer(one)), 200)
  expectStatus(await ask('/api/sessions/nobody', { method: 'DELETE' }), 404)
  const [newest = {}] = dataOf(await ask('/api/audit?kind=session&limit=1'))
  assert.equal(newest['action'], 'end_session')
})
