import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type AskAdmin,
  adminPassword,
  askAdminOf,
  errorOf,
  expectStatus,
} from '../contract/admin-client.ts'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import * as script from '../support/upstream-script.ts'

// Where a provider that was made over HTTP may lead: nothing inside is reached without permission.

let gateway: Gateway
let upstream: Upstream
let proxy: Upstream
let ask: AskAdmin
let made = 0

before(async () => {
  ;[upstream, proxy] = await Promise.all([startUpstream(), startUpstream()])
  gateway = await startGateway({
    config: {
      version: 1,
      auth: { admin: { password: adminPassword } },
      providers: { demo: {} },
    },
    // Every name but loopback's own goes that way.
    env: { HTTP_PROXY: proxy.url, NO_PROXY: 'localhost,localhost.' },
  })
  ask = askAdminOf(gateway)
})
after(async () => {
  await gateway.stop('SIGINT')
  await Promise.all([upstream.stop(), proxy.stop()])
})

const create = (base_url: string, more: object = {}) =>
  ask('/api/providers', {
    body: { name: `p${++made}`, settings: { type: 'vllm', base_url, ...more } },
  })
async function tryIt(): Promise<Record<string, unknown>> {
  const tested = await ask(`/api/providers/p${made}/test`, { body: { model: 'm' } })
  const results = expectStatus(tested, 200).body['results'] as Record<string, unknown>[]
  return results[0] ?? {}
}
const allowed = { allow_private_network: true }

test('an address that leads inside is refused when it is given, however it is spelt', async () => {
  for (const host of [
    ...['127.0.0.1', '127.1', '2130706433', '0x7f000001', '0177.0.0.1', '0x7f.1', '127.0.0.1.'],
    ...['10.0.0.1', '172.16.0.1', '192.168.1.1', '100.64.0.1', '012.0.0.1', '3232235777'],
    ...['[::1]', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[fd00::1]'],
    ...[
      '[64:ff9b::10.0.0.1]',
      'localhost',
      'LOCALHOST',
      'localhost.',
      'x.localhost',
      '１２７.0.0.1',
    ],
  ]) {
    const answer = expectStatus(await create(`http://${host}:${upstream.port}/v1`), 400)
    assert.equal(errorOf(answer).param, 'settings.base_url', host)
    assert.match(errorOf(answer).message, /allow_private_network/, host)
  }
})

test('where machines keep their credentials is never connected to, with permission neither', async () => {
  for (const host of [
    ...['169.254.169.254', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '169.254.170.2'],
    ...['[fd00:ec2::254]', '[::ffff:169.254.169.254]', '[fe80::1]', '100.100.100.200'],
    ...['0.0.0.0', '0', '[::]', '255.255.255.255', '224.0.0.1', '168.63.129.16'],
  ])
    for (const more of [{}, allowed]) {
      const answer = expectStatus(await create(`http://${host}/latest/meta-data`, more), 400)
      assert.equal(errorOf(answer).param, 'settings.base_url', host)
    }
  const through = await create('https://example.com', {
    ...allowed,
    proxy: 'http://169.254.169.254',
  })
  assert.equal(errorOf(expectStatus(through, 400)).param, 'settings.proxy')
})

test('with permission loopback is reached, by its address and by its name', async () => {
  for (const host of ['127.0.0.1', 'localhost']) {
    expectStatus(await create(`http://${host}:${upstream.port}/v1`, allowed), 201)
    assert.equal((await tryIt())['ok'], true, host)
  }
})

test('a permission that is taken back closes the way that was open', async () => {
  expectStatus(await create(`http://127.0.0.1:${upstream.port}/v1`, allowed), 201)
  assert.equal((await tryIt())['ok'], true)
  const patch = { method: 'PATCH', body: { settings: { allow_private_network: null } } }
  const refused = expectStatus(await ask(`/api/providers/p${made}`, patch), 400)
  assert.equal(errorOf(refused).param, 'settings.base_url')
})

test('a redirect is told and not followed', async () => {
  const inner = await startUpstream()
  upstream.on('m', script.redirect(302, `${inner.url}/v1/chat/completions`))
  expectStatus(await create(`http://127.0.0.1:${upstream.port}/v1`, allowed), 201)
  const { ok, error, status } = await tryIt()
  assert.deepEqual([ok, error, status], [false, 'upstream_redirect', 302])
  assert.equal(inner.connections.total, 0)
  await inner.stop()
})

test('a proxy of the environment is not asked for what a name cannot be seen to lead to', async () => {
  expectStatus(await create('http://no-such-name.invalid/v1'), 201)
  const { ok, error } = await tryIt()
  assert.deepEqual([ok, error], [false, 'upstream_unreachable'])
  assert.equal(proxy.connections.total, 0)
})
