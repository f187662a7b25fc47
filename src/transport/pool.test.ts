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

/** How many may wait on a way that is full. */
const waitingAtMost = 100

/** So many calls of no use that the next one finds no place to wait. */
const fill = (to: PoolSettings): Sent[] =>
  Array.from({ length: waitingAtMost }, () => send(to, 'waiting'))

function giveUp(all: readonly Sent[]): void {
  for (const { exchange } of all) exchange.abort()
}

const isWaiting = ({ exchange, outcome }: Sent): boolean =>
  outcome() === undefined && !exchange.dispatched

function assertBusy({ exchange, outcome }: Sent, connections: number): void {
  const error = outcome() as GatewayError
  assert.equal(error?.code, 'overloaded')
  assert.equal(error.status, 503)
  assert.equal(error.facts.dispatched, false)
  assert.match(error.message, new RegExp(`has ${connections} calls under way.*max_concurrency`))
  assert.equal(exchange.dispatched, false)
}

const arrived = (model: string): number =>
  upstream.requests.filter((request) => request.model === model).length

test('beyond the connections there may be a hundred calls wait, and one more is refused at once', async () => {
  const to = settings(upstream.url, 2)
  upstream.on('held', stall())
  const held = [send(to, 'held'), send(to, 'held')]
  for (const _ of held) await upstream.next(({ model }) => model === 'held')
  const waiting = fill(to)
  assert.ok(waiting.every(isWaiting))
  assertBusy(send(to, 'refused'), 2)
  // Who gives up leaves the queue, wherever he stands in it, and his place is the next one's.
  giveUp(waiting.slice(40, 60))
  giveUp(waiting.slice(40, 60))
  const last = Array.from({ length: 20 }, () => send(to, 'last'))
  assert.ok(last.every(isWaiting))
  assertBusy(send(to, 'refused'), 2)
  // One connection free is enough for all, in their order.
  giveUp(held.slice(0, 1))
  for (const { ended } of last) assert.equal(await ended, 'end')
  assert.equal(arrived('waiting'), 80)
  assert.equal(arrived('last'), 20)
  assert.equal(arrived('refused'), 0)
  const models = upstream.requests.map(({ model }) => model)
  assert.ok(models.lastIndexOf('waiting') < models.indexOf('last'))
  giveUp(held)
})

test('the limit is one for all that use the same way, and each way has its own', async () => {
  const to = settings(upstream.url, 1)
  upstream.on('alone', stall())
  const alone = send(to, 'alone')
  const waiting = fill(to)
  assertBusy(send({ ...to }, 'refused'), 1)
  assert.equal(await send(settings(upstream.url, 3), 'beside').ended, 'end')
  giveUp(waiting)
  giveUp([alone])
})

test('a call that failed makes room as one that ended does', async () => {
  const nowhere = settings('http://127.0.0.1:1', 1)
  const all = [1, 2, 3].map(() => send(nowhere, 'x'))
  for (const { ended } of all)
    assert.equal(((await ended) as GatewayError).code, 'upstream_unreachable')
})

test('calls given up while they connect keep their places until the library lets go of their bodies', async () => {
  const to = settings(silentTls.url, 2, 50)
  giveUp([send(to, 'given-up'), send(to, 'given-up')])
  const waiting = fill(to)
  assertBusy(send(to, 'refused'), 2)
  // The connections fail, and only then it is the turn of the next two, which fail as well.
  const first = waiting[0] as Sent
  giveUp(waiting.slice(1))
  assert.equal(((await first.ended) as GatewayError).code, 'upstream_tls_error')
})
