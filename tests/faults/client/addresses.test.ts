import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type RawResponse, rawConnect } from '../../support/raw-client.ts'
import { assertRefused, callerKey, chatBytes, hello, startRig } from './client-rig.ts'

const rig = await startRig()
after(() => rig.end())

const ask = (line: string): Promise<RawResponse> =>
  rig.send(`${line} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${callerKey}\r\n\r\n`)

test('C29 an address that is no route is 404 in any disguise, and never a redirect', async () => {
  const strange = [
    '//livez',
    '/livez/',
    '/LIVEZ',
    '/livez;x=1',
    '/./livez',
    '/a/../livez',
    '/%2e%2e/livez',
    '/v1/%2e%2e/livez',
    '/..%2flivez',
    '/livez%20',
    '/livez%00',
    '/%6civez%2f',
    '//v1/chat/completions',
    '/v1//chat/completions',
    '/v1/chat/completions/',
    '/V1/chat/completions',
    '/v1/chat/completions;x',
    '/v1/chat/completions%00',
    '/v1/chat%2fcompletions',
    '/openai/v1/v1/chat/completions',
    '/v2/chat/completions',
    '/%c3%a9',
    '/<script>',
    `/${'d/'.repeat(4_000)}`,
  ]
  for (const path of strange)
    for (const method of ['GET', 'POST']) {
      const answer = await ask(`${method} ${path}`)
      assertRefused(answer, 404, 'unknown_route')
      assert.equal(answer.headers['location'], undefined)
      assert.match(answer.text, /^[\x20-\x7e]*$/)
    }
  for (const path of ['/%zz', '/%ff', '/\u00e9', '/\u0000', 'livez', ''])
    assertRefused(await ask(`GET ${path}`), 400, 'invalid_request')
})

test('C29 a known address refuses other methods and names its own', async () => {
  for (const method of [
    'GET',
    'PUT',
    'DELETE',
    'PATCH',
    'OPTIONS',
    'TRACE',
    'PROPFIND',
    'M-SEARCH',
  ]) {
    const answer = await ask(`${method} /v1/chat/completions`)
    assertRefused(answer, 405, 'method_not_allowed')
    assert.equal(answer.headers['allow'], 'POST')
  }
  using client = await rawConnect(rig.port)
  await client.write('HEAD /v1/chat/completions HTTP/1.1\r\nhost: a\r\n\r\n')
  const head = (await client.readUntil('\r\n\r\n')).toString()
  assert.match(head, /^HTTP\/1.1 405 /)
  assert.equal((await client.closed).how, 'fin')
  const models = await ask('POST /v1/models')
  assertRefused(models, 405, 'method_not_allowed')
  assert.equal(models.headers['allow'], 'GET, HEAD')
})

test('C29 tunnels, unknown methods and requests to the server as a whole open nothing', async () => {
  using tunnel = await rawConnect(rig.port)
  await tunnel.write('CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: 127.0.0.1:22\r\n\r\n')
  await tunnel.closed
  assert.equal(tunnel.receivedBytes, 0)
  assertRefused(await ask('FROB /v1/models'), 400, 'invalid_request')
  assertRefused(await ask('OPTIONS *'), 404, 'unknown_route')
  const upgrade = await rig.send(
    'GET /livez HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
  )
  assert.equal(upgrade.status, 200)
})

test('C29 an absolute address means its path, for chat calls and for all others', async () => {
  for (const origin of ['http://127.0.0.1', 'http://elsewhere.example:81', 'HTTPS://user@h'])
    assert.equal((await ask(`GET ${origin}/livez`)).status, 200)
  const bytes = chatBytes(
    { model: 'openai/absolute' },
    {},
    'http://elsewhere.example/v1/chat/completions',
  )
  assert.equal((await rig.send(bytes)).status, 200)
  assert.equal(rig.seen('absolute').length, 1)
  // No path is the first page, which asks nobody who is there.
  for (const path of ['http://h', 'http://h?x'])
    assert.equal((await ask(`GET ${path}`)).status, 200)
  for (const path of ['http:///etc/passwd', 'http://h//livez'])
    assertRefused(await ask(`GET ${path}`), 404, 'unknown_route')
})

const deployed = (segment: string, version = '?api-version=2024-10-21'): Buffer =>
  chatBytes({ messages: hello }, {}, `/openai/deployments/${segment}/chat/completions${version}`)

test('C30 a deployment is decoded once and reaches the provider encoded as one segment', async () => {
  const names: readonly (readonly [string, string])[] = [
    ['gpt-4o', 'gpt-4o'],
    ['my%20model', 'my model'],
    ['a%2520b', 'a%20b'],
    ['a%3fb%23c', 'a?b#c'],
    ['chat', 'chat'],
    ['m%C3%BC', 'm\u00fc'],
    ['a%26b=c;d', 'a&b=c;d'],
    ['azure/deep', 'deep'],
    ['azure%2fdeep', 'deep'],
    ['azure%2Fdeep%2Fer', 'deep/er'],
    ['...', '...'],
    ['x'.repeat(512), 'x'.repeat(512)],
  ]
  for (const [segment, name] of names) {
    const answer = await rig.send(deployed(segment))
    assert.equal(answer.status, 200, `${segment}: ${answer.text}`)
    assert.equal(
      rig.upstream.requests.findLast(({ deployment }) => deployment !== undefined)?.path,
      `/openai/deployments/${encodeURIComponent(name)}/chat/completions?api-version=2024-10-21`,
    )
  }
  assert.equal((await rig.send(deployed('openai%2fgpt-4o'))).status, 200)
  assert.equal(
    rig.upstream.requests.findLast(({ model }) => model === 'gpt-4o')?.path,
    '/v1/chat/completions',
  )
})

test('C30 a deployment that is more than a name reaches no provider', async () => {
  const before = rig.upstream.requests.length
  const bad = [
    '..',
    '.',
    '%2e%2e',
    '..%2f..%2fadmin',
    'azure/../openai/gpt-4o',
    'azure%2f..%2fx',
    '/',
    'a//b',
    'azure%2f',
    '%2fetc%2fpasswd',
    'a%00b',
    'a%0d%0ahost:%20x',
    'a%7fb',
    '%zz',
    '%c0%af',
    '%ff',
    'x'.repeat(513),
    'x'.repeat(10_000),
    'nobody%2fmodel',
  ]
  for (const segment of bad) {
    const answer = await rig.send(deployed(segment))
    const { error } = answer.json() as { error: { code: string } }
    assert.ok(
      ['invalid_request', 'model_not_found'].includes(error.code),
      `${segment}: ${answer.text}`,
    )
    assertRefused(answer, error.code === 'invalid_request' ? 400 : 404, error.code)
  }
  for (const path of ['', '?x'])
    assertRefused(await rig.send(deployed(path, '')), 404, 'unknown_route')
  for (const version of ['%0d%0ax', 'a b', '../x', 'v'.repeat(65)])
    assertRefused(
      await rig.send(deployed('gpt-4o', `?api-version=${encodeURIComponent(version)}`)),
      400,
      'invalid_request',
    )
  const mine = rig.upstream.requests.slice(before).filter(({ model }) => model !== 'healthy')
  assert.deepEqual(mine, [])
})

test('C30 a model of the body that is more than a name is refused by that field, and reaches no provider', async () => {
  const before = rig.upstream.requests.length
  for (const provider of ['azure', 'openai'])
    for (const name of ['..', '.', 'a/../b', 'x/.', 'a\r\nhost: b', 'a\0', '\x7f', 'a\ud800']) {
      const answer = await rig.ask({ model: `${provider}/${name}` })
      assert.equal(assertRefused(answer, 400, 'invalid_request').error.param, 'model')
    }
  const mine = rig.upstream.requests.slice(before).filter(({ model }) => model !== 'healthy')
  assert.deepEqual(mine, [])
  assert.equal((await rig.ask({ model: 'azure/...' })).status, 200)
})

test('afterwards everything is back where it was', (t) => rig.finish(t))
