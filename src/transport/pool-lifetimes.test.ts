import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, test } from 'node:test'
import { startUpstream } from '../../tests/support/upstream.ts'
import { json, stall, until } from '../../tests/support/upstream-script.ts'
import { testAuthority } from '../../tests/support/upstream-tls.ts'
import type { GatewayError } from '../core/errors.ts'
import { type PoolSettings, Pools } from './pool.ts'
import type { Endpoint, Exchange } from './transport.ts'

const upstream = await startUpstream()
const secure = await startUpstream({ tls: 'good' })
const pools = new Pools()
const tunnels = createServer().on('connect', (req, socket) => {
  const to = connect(Number(req.url?.split(':')[1]), '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    to.pipe(socket).pipe(to)
  })
  const end = (): void => {
    to.destroy()
    socket.destroy()
  }
  for (const each of [to, socket]) each.on('error', end)
})
await new Promise<void>((resolve) => void tunnels.listen(0, '127.0.0.1', resolve))
after(async () => {
  await pools.close()
  tunnels.close()
  tunnels.closeAllConnections()
  await upstream.stop()
  await secure.stop()
})

const settings = (changes: Partial<PoolSettings>): PoolSettings => ({
  ...{ origin: upstream.url, connectTimeoutMs: 5000, connections: 10, proxy: null, ca: null },
  ...changes,
})

interface Sent {
  readonly exchange: Exchange
  readonly ended: Promise<'end' | GatewayError>
}

function send(endpoint: Endpoint, { fresh = false, sizeBytes = 0, model = 'm' } = {}): Sent {
  const { promise: ended, resolve } = Promise.withResolvers<'end' | GatewayError>()
  const exchange = endpoint.send(
    {
      ...{ path: '/v1/chat/completions', headers: ['content-type', 'application/json'], fresh },
      body: Buffer.from(JSON.stringify({ model, messages: [], filler: 'x'.repeat(sizeBytes) })),
    },
    { onHead() {}, onData() {}, onEnd: () => resolve('end'), onFailure: resolve },
  )
  return { exchange, ended }
}

test('a request on a connection of its own comes through, plain and tunnelled, small and large', async () => {
  const proxy = `http://127.0.0.1:${(tunnels.address() as AddressInfo).port}`
  const tunnelled = settings({ origin: secure.url, proxy, ca: testAuthority() })
  for (const to of [settings({}), tunnelled])
    for (const sizeBytes of [10, 200_000])
      assert.equal(await send(pools.open(to), { fresh: true, sizeBytes }).ended, 'end')
})

test('a connection of its own is closed with its answer, or when it is given up', async () => {
  const own = await startUpstream()
  const endpoint = pools.open(settings({ origin: own.url }))
  own.on('held', stall())
  assert.equal(await send(endpoint, { fresh: true }).ended, 'end')
  const { exchange } = send(endpoint, { fresh: true, model: 'held' })
  await own.next(({ model }) => model === 'held')
  exchange.abort()
  // A connection that is kept would hold this up for as long as it is kept.
  while (own.connections.open > 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(own.connections.total, 2)
  await own.stop()
})

test('calls that began before a reload are still carried after it, also those that waited', async () => {
  const endpoint = pools.open(settings({ connections: 1 }))
  const first = send(endpoint)
  const waiting = send(endpoint)
  pools.keepOnly([])
  assert.equal(await first.ended, 'end')
  assert.equal(await waiting.ended, 'end')
  // One that slept between two attempts meanwhile.
  assert.equal(await send(endpoint).ended, 'end')
})

test('who waits for a connection can be told from who has one', async () => {
  const endpoint = pools.open(settings({ connections: 1, connectTimeoutMs: 4000 }))
  upstream.on('long', stall())
  const held = send(endpoint, { model: 'long' })
  const next = send(endpoint)
  assert.deepEqual([held.exchange.waiting, next.exchange.waiting], [false, true])
  await upstream.next(({ model }) => model === 'long')
  held.exchange.abort()
  assert.equal(next.exchange.waiting, false)
  assert.equal(await next.ended, 'end')
})

test('after a renewal calls go over new connections, and what is under way ends well', async () => {
  const own = await startUpstream()
  const endpoint = pools.open(settings({ origin: own.url }))
  const gate = Promise.withResolvers<void>()
  own.on('held', [until(gate.promise), json(200, {})])
  assert.equal(await send(endpoint).ended, 'end')
  const held = send(endpoint, { model: 'held' })
  await own.next(({ model }) => model === 'held')
  const before = own.connections.total
  pools.renew()
  assert.equal(await send(endpoint).ended, 'end')
  assert.equal(own.connections.total, before + 1)
  gate.resolve()
  assert.equal(await held.ended, 'end')
  while (own.connections.open > 1) await new Promise((resolve) => setImmediate(resolve))
  await own.stop()
})
