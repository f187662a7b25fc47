import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startUpstream } from '../../tests/support/upstream.ts'
import { stall } from '../../tests/support/upstream-script.ts'
import type { GatewayError } from '../core/errors.ts'
import { type PoolSettings, Pools } from './pool.ts'
import type { Exchange, UpstreamRequest } from './transport.ts'

const upstream = await startUpstream()
const silentTls = await startUpstream({ tls: 'stall' })
const pools = new Pools()
after(async () => {
  await pools.close()
  await upstream.stop()
  await silentTls.stop()
})

const settings = (
  origin: string,
  connections: number,
  connectTimeoutMs = 10_000,
): PoolSettings => ({
  origin,
  connectTimeoutMs,
  connections,
  proxy: null,
  ca: null,
})
const requestOf = (model: string): UpstreamRequest => ({
  path: '/v1/chat/completions',
  headers: ['content-type', 'application/json'],
  body: Buffer.from(JSON.stringify({ model, messages: [] })),
})

interface Sent {
  readonly exchange: Exchange
  readonly ended: Promise<'end' | GatewayError>
  /** Undefined while it is under way. */
  readonly outcome: () => 'end' | GatewayError | undefined
}

function send(to: PoolSettings, model: string): Sent {
  const { promise, resolve } = Promise.withResolvers<'end' | GatewayError>()
  let outcome: 'end' | GatewayError | undefined
  const settle = (how: 'end' | GatewayError): void => {
    outcome = how
    resolve(how)
  }
  const exchange = pools.open(to).send(requestOf(model), {
    onHead: () => undefined,
    onData: () => undefined,
    onEnd: () => settle('end'),
    onFailure: settle,
  })
  return { exchange, ended: promise, outcome: () => outcome }
}

function assertBusy({ exchange, outcome }: Sent, connections: number): void {
  const error = outcome() as GatewayError
  assert.equal(error?.code, 'overloaded')
  assert.equal(error.status, 503)
  assert.equal(error.facts.dispatched, false)
  assert.match(error.message, new RegExp(`has ${connections} calls under way.*max_concurrency`))
  assert.equal(exchange.dispatched, false)
}

test('one call more than the connections there may be is refused at once, and sent nowhere', async () => {
  const to = settings(upstream.url, 2)
  upstream.on('held', stall())
  const held = [send(to, 'held'), send(to, 'held')]
  assertBusy(send(to, 'refused'), 2)
  for (const _ of held) await upstream.next(({ model }) => model === 'held')
  // Also once both are with the provider.
  assertBusy(send(to, 'refused'), 2)
  held[0]?.exchange.abort()
  held[0]?.exchange.abort()
  const next = send(to, 'next')
  assertBusy(send(to, 'refused'), 2)
  assert.equal(await next.ended, 'end')
  assert.equal(await send(to, 'next').ended, 'end')
  held[1]?.exchange.abort()
  assert.equal(upstream.requests.filter(({ model }) => model === 'refused').length, 0)
})

test('the limit is one for all that use the same way, and each way has its own', async () => {
  const to = settings(upstream.url, 1)
  upstream.on('alone', stall())
  const { exchange } = send(to, 'alone')
  assertBusy(send({ ...to }, 'refused'), 1)
  assert.equal(await send(settings(upstream.url, 3), 'beside').ended, 'end')
  exchange.abort()
})

test('a call that failed makes room as one that ended does', async () => {
  const nowhere = settings('http://127.0.0.1:1', 1)
  for (let i = 0; i < 3; i++)
    assert.equal(((await send(nowhere, 'x').ended) as GatewayError).code, 'upstream_unreachable')
})

test('calls given up while they wait for a connection count until their bodies are let go', async () => {
  const to = settings(silentTls.url, 2, 300)
  for (let i = 0; i < 2; i++) send(to, 'given-up').exchange.abort()
  assertBusy(send(to, 'refused'), 2)
  // Then the connections fail, and with them what waited.
  for (;;) {
    const again = send(to, 'again')
    if (again.outcome() === undefined) {
      again.exchange.abort()
      break
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
})
