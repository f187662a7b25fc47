import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { answered, type Governed, openGoverned, plainPrice, secretOf } from './governed.ts'
import { contradictions } from './read-books.ts'

/** Whoever comes may ask these: they tell nothing of anybody. */
const open = new Set([
  ...['GET /livez', 'GET /readyz', 'GET /health', 'GET /openapi.json', 'GET /docs'],
  // On a loopback address; elsewhere it asks for the admin.
  'GET /metrics',
  // Where credentials are handed in.
  'POST /api/session/login',
])
/** Each of them has a provider asked. */
const isPaid = (route: string): boolean => /^POST .*\/chat\/completions/.test(route)

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}
const methods = new Set(['get', 'post', 'put', 'patch', 'delete'])
const most = 20

let stage: Governed
let routes: readonly string[]
before(async () => {
  const keys = Array.from({ length: most }, (_, i) => [
    [`limited${i}`, { limits: { requests: '1/1h' } }],
    [`budget${i}`, { budget: { usd: 0.1, per: '1d' } }],
  ])
  stage = await openGoverned({
    keys: { ...Object.fromEntries(keys.flat()), any: {} },
    prices: { 'up/m': plainPrice },
  })
  stage.upstream.otherwise(() => answered(false, 5, 100))
  const document = (await (await fetch(`${stage.gateway.url}/openapi.json`)).json()) as Document
  routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .filter((method) => methods.has(method))
      .map((method) => `${method.toUpperCase()} ${path}`),
  )
})
after(() => stage[Symbol.asyncDispose]())

async function ask(route: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  const [method = '', template = ''] = route.split(' ')
  const path = template
    .replace('{deployment-id}', 'up%2Fm')
    .replace(/\{[^}]+\}/g, '00000000-0000-4000-8000-000000000000')
  const hasBody = method !== 'GET' && method !== 'DELETE'
  const azure = path.includes('/deployments/') ? '?api-version=2024-10-21' : ''
  return await fetch(`${stage.gateway.url}${path}${azure}`, {
    method,
    headers: { ...(hasBody && { 'content-type': 'application/json' }), ...headers },
    ...(hasBody && {
      body: JSON.stringify({
        model: 'up/m',
        messages: [{ role: 'user', content: 'x' }],
        max_tokens: 100,
      }),
    }),
  })
}

const withKey = (name: string) => ({ authorization: `Bearer ${secretOf(name)}` })

test('every route there is asks who comes, but for the few that tell nothing', async () => {
  assert.ok(routes.length > 15, routes.join('\n'))
  for (const route of routes) {
    const { status } = await ask(route, {})
    if (open.has(route)) assert.notEqual(status, 401, route)
    else assert.equal(status, 401, route)
  }
})

test('no virtual key opens administration', async () => {
  const admin = routes.filter((route) => / \/api\//.test(route) && !open.has(route))
  assert.ok(admin.length > 1)
  for (const route of admin) assert.equal((await ask(route, withKey('any'))).status, 403, route)
})

test('every route that costs money is limited, paid for and written down', async () => {
  const paid = routes.filter(isPaid)
  assert.ok(paid.length >= 6 && paid.length <= most, paid.join('\n'))
  for (const [i, route] of paid.entries()) {
    const first = await ask(route, withKey(`limited${i}`))
    assert.ok(first.status === 200 || first.status === 202, `${route}: ${first.status}`)
    assert.equal((await ask(route, withKey(`limited${i}`))).status, 429, route)
    const bought = await ask(route, withKey(`budget${i}`))
    assert.ok(bought.status === 200 || bought.status === 202, `${route}: ${bought.status}`)
    const books = await stage.booksWhen(({ lines }) =>
      lines.some(({ key, costNanos }) => key === `budget${i}` && costNanos === 100_000_000),
    )
    assert.deepEqual(contradictions(books), [])
    assert.equal((await ask(route, withKey(`budget${i}`))).status, 402, route)
  }
})

test('a path that is like a paid one is either the same or nothing', async () => {
  const before = stage.upstream.requests.length
  for (const path of [
    ...['/v1//chat/completions', '/v1/chat/completions/', '/V1/chat/completions'],
    ...['/v1/chat/completions%2F', '/v1/./chat/completions', '/openai/v1/v1/chat/completions'],
    ...['/v1/async/chat/completions/', '/%76%31/chat/completions', '/v1/chat/completions;a=b'],
  ]) {
    const response = await ask(`POST ${path}`, {})
    assert.ok([401, 404, 405].includes(response.status), `${path}: ${response.status}`)
  }
  assert.equal(stage.upstream.requests.length, before)
})
