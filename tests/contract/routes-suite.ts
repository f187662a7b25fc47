import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  adminBasic,
  ask,
  chat,
  envelopeOf,
  type HeaderList,
  keys,
  type Stage,
  withKey,
} from './stage.ts'

interface Operation {
  readonly operationId: string
  readonly security: readonly object[]
}
interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}
interface Route {
  readonly method: string
  readonly path: string
  readonly open: boolean
  /** Only the admin is told anything there, not even that another method would do. */
  readonly admins: boolean
  /** What a good request is answered with; there is no job to ask for. Null: nothing that can be said in general. */
  readonly good: number | null
}
const admin: HeaderList = [['authorization', adminBasic]]
const good: Readonly<Record<string, number>> = {
  createAsyncChatCompletion: 202,
  retrieveAsyncChatCompletion: 404,
  cancelAsyncChatCompletion: 404,
}

const pathOf = (template: string): string =>
  template.startsWith('/api/')
    ? template.replace('{kind}', 'model').replace(/\{\w+\}/, 'nobody')
    : template.replace('{deployment-id}', 'demo%2Fhello').replace('{id}', 'demo/hello')

/** Which addresses answer, to whom, and how. */
export function routesSuite({ gateway }: Stage): void {
  const described = async (): Promise<readonly Route[]> => {
    const answer = await ask(gateway, { path: '/openapi.json', headers: [] })
    const { openapi, paths } = answer.json() as Document
    assert.match(openapi, /^3\.1\./)
    return Object.entries(paths).flatMap(([template, operations]) =>
      Object.entries(operations).map(([method, { security, operationId }]) => ({
        method: method.toUpperCase(),
        path: pathOf(template),
        open: security.length === 0,
        admins: template.startsWith('/api/'),
        good: template.startsWith('/api/') ? null : (good[operationId] ?? 200),
      })),
    )
  }
  /** Without those whose answer has no end. */
  const ending = async (): Promise<readonly Route[]> =>
    (await described()).filter(({ path }) => path !== '/api/logs/tail')
  const visit = ({ method, path }: Route, headers: HeaderList) =>
    ask(gateway, {
      method,
      path,
      headers,
      ...(method === 'POST' && { body: chat('demo/hello') }),
    })

  test('every described route answers its callers, and nobody else but the open ones', async () => {
    const routes = await ending()
    assert.deepEqual(
      routes
        .filter(({ open }) => open)
        .map(({ path }) => path)
        .sort(),
      ['/api/session/login', '/docs', '/health', '/livez', '/metrics', '/openapi.json', '/readyz'],
    )
    assert.ok(routes.length >= 25)
    for (const route of routes) {
      // Whoever logs in is nobody yet; what is sent here is no login.
      if (route.path === '/api/session/login') continue
      const shown = `${route.method} ${route.path}`
      const nobody = await visit(route, [])
      assert.equal(nobody.status, route.open ? 200 : 401, shown)
      if (!route.open) assert.equal(envelopeOf(nobody).error.code, 'virtual_key_required', shown)
      const stranger = await visit(route, withKey(keys.unknown))
      assert.equal(stranger.status, route.open ? 200 : 401, shown)
      const caller = await visit(route, withKey(keys.open))
      assert.equal(caller.status, route.admins ? 403 : route.good, shown)
      if (route.admins) assert.equal(envelopeOf(caller).error.code, 'forbidden', shown)
      const { status } = await visit(route, admin)
      if (route.good !== null) assert.equal(status, route.good, shown)
      else assert.ok(status < 500 && ![401, 403, 405].includes(status), `${shown}: ${status}`)
    }
  })

  test('no address answers that is not described', async () => {
    for (const path of [
      '/v1',
      '/openai',
      '/openai/v1',
      '/chat',
      '/v1/completions',
      '/v1/async',
      '/v1/async/completions',
      '/v1/async/jobs/x',
      '/async/chat/completions',
      '/v1/embeddings',
      '/v1/responses',
      '/openai/openai/chat/completions',
      '/openai/openai/v1/models',
      '/openai/deployments',
      '/openai/deployments/gpt-4o',
      '/openai/deployments/gpt-4o/completions',
      '/v2/chat/completions',
      '/metrics/x',
      '/apis',
      '/favicon.ico',
    ])
      for (const body of [undefined, chat('demo/hello')]) {
        const answer = await ask(gateway, { path, ...(body && { body }) })
        assert.equal(answer.status, 404, path)
        assert.equal(envelopeOf(answer).error.code, 'unknown_route', path)
      }
  })

  test('another method is 405 and says which are taken', async () => {
    const routes = await described()
    for (const [path, { admins }] of new Map(routes.map((route) => [route.path, route]))) {
      const known = routes.filter((route) => route.path === path).map(({ method }) => method)
      const headers = admins ? admin : []
      const allowed = known.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
      for (const other of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
        if (known.includes(other)) continue
        const answer = await ask(gateway, { method: other, path, headers })
        assert.equal(answer.status, 405, `${other} ${path}`)
        assert.equal(answer.headers['allow'], allowed.join(', '))
        assert.equal(envelopeOf(answer).error.code, 'method_not_allowed')
      }
    }
  })

  test('no address redirects', async () => {
    for (const path of [
      '//v1/chat/completions',
      '/v1/chat/completions/',
      '/V1/chat/completions',
      '/v1/../v1/models',
      '/v1/./models',
      '/v1//models',
      '/v1/models/',
      '/docs/',
      '/docs?x',
      '/openapi.json/',
      '/api',
      '/api/',
      '/%2e%2e/api',
      '/v1%2Fmodels',
      '*',
      'http://127.0.0.1/v1/models',
    ])
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const { status } = await ask(gateway, { method, path })
        assert.ok(status === 200 || status === 204 || status >= 400, `${method} ${path}: ${status}`)
      }
  })

  test('below /api nobody learns anything without being the admin', async () => {
    for (const path of ['/api', '/api/', '/api/virtual-keysx', '/api/nothing/at/all', '/api/%2e'])
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
        const as = (headers: HeaderList) => ask(gateway, { method, path, headers })
        const shown = `${method} ${path}`
        const nobody = await as([])
        assert.equal(nobody.status, 401, shown)
        assert.equal((await as(withKey(keys.unknown))).status, 401, shown)
        const key = await as(withKey(keys.open))
        assert.equal(key.status, 403, shown)
        assert.equal(envelopeOf(key).error.code, 'forbidden', shown)
        assert.equal((await as(admin)).status, 404, shown)
      }
  })

  test('HEAD answers as GET does, without a body', async () => {
    for (const { method, path, good, admins } of await ending()) {
      if (method !== 'GET') continue
      const headers: HeaderList = [
        ...(admins ? admin : withKey(keys.open)),
        ['connection', 'close'],
      ]
      const { status, body } = await ask(gateway, { method: 'HEAD', path, headers })
      const asGet = good ?? (await ask(gateway, { path, headers })).status
      assert.deepEqual([status, body.length], [asGet, 0], path)
    }
  })

  test('the metrics are open on a loopback address', async () => {
    const answer = await ask(gateway, { path: '/metrics', headers: [] })
    assert.match(answer.headers['content-type'] ?? '', /^text\/plain/)
    assert.match(answer.text, /^# HELP sluice_/m)
    assert.doesNotMatch(answer.text, /sk-bf-|canary/)
  })

  test('the page of documentation needs nothing from elsewhere', async () => {
    const { text, headers } = await ask(gateway, { path: '/docs', headers: [] })
    assert.match(headers['content-type'] ?? '', /^text\/html/)
    assert.match(headers['content-security-policy'] ?? '', /default-src 'none'/)
    assert.doesNotMatch(text, /(?:src|href)="https?:/)
  })

  test('a page of an allowed origin may ask, also for the headers of the x-bf family', async () => {
    for (const path of ['/v1/chat/completions', '/openai/deployments/a%2Fb/chat/completions']) {
      const answer = await preflight(path, 'https://app.example.com')
      assert.equal(answer.status, 204)
      assert.equal(answer.headers['access-control-allow-origin'], 'https://app.example.com')
      assert.equal(answer.headers['access-control-allow-methods'], 'POST')
      const allowed = (answer.headers['access-control-allow-headers'] ?? '').split(', ')
      for (const name of ['authorization', 'content-type', 'x-api-key', 'x-bf-async', 'x-bf-vk'])
        assert.ok(allowed.includes(name), name)
      assert.ok(allowed.includes('x-stainless-os') && !allowed.includes('x-evil'))
      assert.equal(answer.headers['access-control-allow-credentials'], undefined)
    }
    assert.equal((await preflight('/nowhere', 'https://app.example.com')).status, 404)
  })

  test('a page of another origin may not ask', async () => {
    for (const origin of ['https://evil.example', 'null', 'https://app.example.com.evil.example']) {
      const answer = await preflight('/v1/chat/completions', origin)
      assert.equal(answer.status, 405)
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
    }
  })

  test('answers, errors too, let a page of an allowed origin read them', async () => {
    for (const [path, headers, body] of [
      ['/v1/chat/completions', withKey(keys.open), chat('demo/hello')],
      ['/v1/chat/completions', withKey(keys.open), chat('demo/hello', { stream: true })],
      ['/v1/chat/completions', [], chat('demo/hello')],
      ['/v1/models', withKey(keys.open), undefined],
      ['/v1/models', [], undefined],
    ] as const)
      for (const [origin, allowed] of [
        ['https://app.example.com', 'https://app.example.com'],
        ['https://evil.example', undefined],
      ] as const) {
        const got = await ask(gateway, {
          path,
          headers: [...headers, ['origin', origin]],
          ...(body && { body }),
        })
        assert.equal(got.headers['access-control-allow-origin'], allowed, path)
        assert.equal(got.headers['vary'], 'Origin')
        const exposed = got.headers['access-control-expose-headers'] ?? ''
        for (const name of ['x-request-id', 'x-bf-async-id', 'x-bf-async-status', 'retry-after'])
          assert.equal(exposed.split(', ').includes(name), allowed !== undefined, name)
      }
  })

  function preflight(path: string, origin: string) {
    return ask(gateway, {
      method: 'OPTIONS',
      path,
      headers: [
        ['origin', origin],
        ['access-control-request-method', 'POST'],
        [
          'access-control-request-headers',
          'authorization,content-type,x-bf-vk,X-BF-Async,x-stainless-os,x-evil',
        ],
      ],
    })
  }
}
