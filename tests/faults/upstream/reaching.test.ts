import assert from 'node:assert/strict'
import { createServer as createHttpServer, request as httpRequest, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { postBytes, type RawResponse, rawConnect } from '../../support/raw-client.ts'
import { type Gateway, startGateway } from '../../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../../support/upstream.ts'
import { type TlsVariant, testAuthority } from '../../support/upstream-tls.ts'
import { assertError, assertWholeStream } from './expect.ts'
import { eventually } from './rig.ts'

const variants: readonly TlsVariant[] = [
  'good',
  'expired',
  'wrong-host',
  'self-signed',
  'stall',
  'plaintext',
]
const proxySecret = 'c4n4ry-proxy-password'

const upstreams = new Map<TlsVariant | 'plain', Upstream>()
let proxy: Proxy
let silentProxy: Upstream
let gateway: Gateway

before(async () => {
  for (const variant of variants) upstreams.set(variant, await startUpstream({ tls: variant }))
  upstreams.set('plain', await startUpstream())
  proxy = await startProxy()
  silentProxy = await startUpstream({ tls: 'stall' })
  const base = (variant: TlsVariant | 'plain'): string => `${upstreams.get(variant)?.url}/v1`
  const port = (variant: TlsVariant | 'plain'): number => upstreams.get(variant)?.port ?? 0
  const tls = { ca: testAuthority() }
  const retries = { max: 0 }
  const local = (fields: object): object => ({ type: 'openai-compatible', retries, ...fields })
  const timeouts = { connect: '300ms' }
  const through = `http://user:${proxySecret}@127.0.0.1:${proxy.port}`
  gateway = await startGateway({
    config: {
      version: 1,
      server: { drain: { delay: '0s' } },
      auth: { inference: 'optional' },
      providers: {
        ...Object.fromEntries(
          variants.map((variant) => [variant, local({ base_url: base(variant), tls, timeouts })]),
        ),
        'no-ca': local({ base_url: base('good') }),
        'by-name': local({ base_url: base('good').replace('127.0.0.1', 'localhost'), tls }),
        'http-on-tls': local({ base_url: base('plain').replace('http:', 'https:'), tls, timeouts }),
        'proxy-https': local({ base_url: base('good'), tls, proxy: through }),
        'proxy-http': local({ base_url: base('plain'), proxy: through }),
        'proxy-bad-tls': local({ base_url: base('expired'), tls, proxy: through }),
        'proxy-down': local({ base_url: base('good'), tls, proxy: 'http://127.0.0.1:1' }),
        'proxy-silent': local({
          base_url: base('good'),
          tls,
          timeouts,
          proxy: silentProxy.url.replace('https', 'http'),
        }),
        'proxy-refuses': local({ base_url: 'https://refused.example/v1', tls, proxy: through }),
        // The environment's proxy never serves loopback, so these have names that only the proxy knows.
        'env-https': local({ base_url: `https://elsewhere.example:${port('wrong-host')}/v1`, tls }),
        'env-http': local({ base_url: `http://plain.example:${port('plain')}/v1` }),
        'env-exempt': local({ base_url: `http://exempt.example:${port('plain')}/v1`, timeouts }),
      },
    },
    env: {
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
      HTTP_PROXY: `http://127.0.0.1:${proxy.port}`,
      NO_PROXY: 'exempt.example',
    },
    args: ['--log-level', 'debug', '--log-format', 'json'],
  })
})

after(async () => {
  await gateway.stop('SIGINT')
  proxy.stop()
  await silentProxy.stop()
  for (const upstream of upstreams.values()) await upstream.stop()
  assert.ok(!gateway.stderr().includes(proxySecret), 'the password of the proxy is in the log')
})

async function call(provider: string, stream = false): Promise<RawResponse> {
  using client = await rawConnect(gateway.port)
  const messages = [{ role: 'user', content: 'hello' }]
  const body = { model: `${provider}/${provider}`, messages, stream }
  await client.write(postBytes('/v1/chat/completions', {}, body))
  const response = await client.response()
  assert.ok(!response.text.includes(proxySecret))
  assert.doesNotMatch(response.text, /127\.0\.0\.1:\d|\.example/, 'an address got out')
  return response
}

describe('reaching a provider', { concurrency: true }, () => {
  test('U06: every fault of TLS is 502 upstream_tls_error, and no request leaves', async () => {
    for (const variant of variants.slice(1))
      for (const stream of [false, true]) {
        const response = await call(variant, stream)
        assertError(response, 502, {
          code: 'upstream_tls_error',
          type: 'upstream_error',
          message: new RegExp(`^Provider "${variant}": no secure connection`),
        })
        assert.ok(!upstreams.get(variant)?.requests.some(({ model }) => model === variant))
      }
  })

  test('U06: TLS spoken to a plain port is upstream_tls_error', async () => {
    assertError(await call('http-on-tls'), 502, { code: 'upstream_tls_error' })
  })

  test('U06: an authority of our own is trusted only where it is configured', async () => {
    assert.equal((await call('good')).status, 200)
    assertWholeStream(await call('good', true))
    assert.equal((await call('by-name')).status, 200)
    assertError(await call('no-ca'), 502, { code: 'upstream_tls_error' })
  })

  test('a proxy of the provider tunnels TLS and forwards plain HTTP', async () => {
    const before = proxy.seen.length
    assert.equal((await call('proxy-https')).status, 200)
    assertWholeStream(await call('proxy-https', true))
    assert.equal((await call('proxy-http')).status, 200)
    const seen = proxy.seen.slice(before)
    assert.ok(seen.some(({ line }) => line === `CONNECT 127.0.0.1:${upstreams.get('good')?.port}`))
    assert.ok(seen.some(({ line }) => line.startsWith(`POST ${upstreams.get('plain')?.url}/v1/`)))
    const basic = `Basic ${Buffer.from(`user:${proxySecret}`).toString('base64')}`
    const own = seen.filter(({ authorization }) => authorization === basic)
    assert.ok(own.length >= 2)
    for (const upstream of upstreams.values())
      for (const request of upstream.requests)
        assert.equal(request.headers['proxy-authorization'], undefined)
  })

  test('a fault behind or of the proxy is named as what it is', async () => {
    assertError(await call('proxy-bad-tls'), 502, { code: 'upstream_tls_error' })
    assertError(await call('proxy-down'), 502, { code: 'upstream_unreachable', message: /refused/ })
    assertError(await call('proxy-refuses'), 502, {
      code: 'upstream_unreachable',
      message: /the proxy refused/,
    })
  })

  test('a proxy that does not answer is given up within the limit for connecting', async () => {
    const startedAt = performance.now()
    assertError(await call('proxy-silent'), 502, { code: 'upstream_unreachable' })
    assert.ok(performance.now() - startedAt < 8000)
  })

  test('HTTPS_PROXY, HTTP_PROXY and NO_PROXY decide for providers without a proxy of their own', async () => {
    assert.equal((await call('env-https')).status, 200)
    assert.equal((await call('env-http')).status, 200)
    const lines = proxy.seen.map(({ line }) => line)
    assert.ok(lines.some((line) => line.startsWith('CONNECT elsewhere.example:')))
    assert.ok(lines.some((line) => line.startsWith('POST http://plain.example:')))
    assertError(await call('env-exempt'), 502, { code: 'upstream_unreachable' })
    assert.ok(!lines.some((line) => line.includes('exempt.example')))
    assert.ok(!lines.some((line) => line.includes(`:${upstreams.get('expired')?.port} `)))
  })
})

test('U06: a bad certificate two hundred times leaves neither connection nor memory behind', async () => {
  await call('expired')
  const [sockets, rssKb] = [gateway.sockets(), gateway.rssKb()]
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 20 }, () => call('expired')))
  await eventually(() => gateway.sockets() <= sockets, 'no more sockets than before')
  assert.ok(gateway.rssKb() - rssKb < 60 * 1024, `${gateway.rssKb() - rssKb} KiB more`)
  assert.equal((await call('good')).status, 200)
})

interface Proxy {
  readonly port: number
  readonly seen: { line: string; authorization: string | undefined }[]
  stop(): void
}

/** A forward proxy for which every name is 127.0.0.1, except the one it refuses. */
async function startProxy(): Promise<Proxy> {
  const seen: Proxy['seen'] = []
  const server: Server = createHttpServer((req, res) => {
    const { url = '', headers } = req
    seen.push({ line: `POST ${url}`, authorization: headers['proxy-authorization'] })
    const { port, pathname } = new URL(url)
    const { 'proxy-authorization': _, 'proxy-connection': __, ...rest } = headers
    const onward = httpRequest({
      host: '127.0.0.1',
      port,
      path: pathname,
      method: 'POST',
      headers: rest,
    })
    onward.on('response', (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(res)
    })
    onward.on('error', () => res.destroy())
    req.pipe(onward)
  })
  server.on('connect', (req, socket) => {
    seen.push({ line: `CONNECT ${req.url}`, authorization: req.headers['proxy-authorization'] })
    if (req.url?.startsWith('refused.')) return void socket.end('HTTP/1.1 403 No\r\n\r\n')
    const onward = connect(Number(req.url?.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    const drop = (): void => {
      onward.destroy()
      socket.destroy()
    }
    onward.on('error', drop).on('close', drop)
    socket.on('error', drop).on('close', drop)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    stop: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
