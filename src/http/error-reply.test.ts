import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { after, test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { postBytes, type RawClient, rawConnect } from '../../tests/support/raw-client.ts'
import { type ErrorFacts, GatewayError } from '../core/errors.ts'
import { sendError } from './error-reply.ts'

let answer: (res: ServerResponse) => void = () => undefined
const server = createServer((_req, res) => answer(res))
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo
after(() => server.close())
let latest: Socket | null = null
server.on('connection', (socket) => {
  latest = socket
})

const refusal = (facts: ErrorFacts = {}): GatewayError =>
  new GatewayError('invalid_request', 'It is wrong.', facts)

/** Sends a request and answers it with the error, on a clock of its own. */
async function refuse(
  error: GatewayError,
  bytes: string | Uint8Array = postBytes('/', {}, '{}'),
): Promise<{ client: RawClient; clock: ManualClock }> {
  const clock = new ManualClock()
  const client = await rawConnect(port)
  const asked = new Promise<void>((resolve) => {
    answer = (res) => {
      sendError(res, error, ['x-request-id', 'r'], clock)
      resolve()
    }
  })
  client.write(bytes).catch(() => undefined)
  await asked
  return { client, clock }
}

test('the answer is the envelope with its length and the given headers, and the connection stays', async () => {
  const { client, clock } = await refuse(refusal({ param: 'n', headers: { allow: 'POST' } }))
  const { status, headers, json, body } = await client.response()
  assert.equal(status, 400)
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['content-length'], String(body.length))
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.equal(headers['x-request-id'], 'r')
  assert.equal(headers['allow'], 'POST')
  assert.equal(headers['connection'], 'keep-alive')
  const { error } = json() as { error: object }
  assert.deepEqual(error, {
    message: 'It is wrong.',
    type: 'invalid_request_error',
    param: 'n',
    code: 'invalid_request',
  })
  assert.equal(clock.pending, 0)
  client.destroy()
})

test('what a client shall do next stands in headers', async () => {
  const cases: readonly (readonly [GatewayError, (string | undefined)[]])[] = [
    [refusal(), ['false', undefined, undefined]],
    [new GatewayError('overloaded', 'm'), ['true', '1', undefined]],
    [new GatewayError('overloaded', 'm', { retryAfterMs: 2_400 }), ['true', '3', '2400']],
    [new GatewayError('login_throttled', 'm', { retryAfterMs: 0.5 }), ['true', '1', '1']],
    [new GatewayError('internal_error', 'm'), ['false', undefined, undefined]],
    [new GatewayError('upstream_unreachable', 'm'), ['false', undefined, undefined]],
    [
      new GatewayError('upstream_unreachable', 'm', { dispatched: false }),
      [undefined, undefined, undefined],
    ],
    [
      new GatewayError('upstream_auth_failed', 'm', { dispatched: false }),
      ['false', undefined, undefined],
    ],
    [new GatewayError('upstream_error', 'm', { status: 500 }), [undefined, undefined, undefined]],
    [new GatewayError('upstream_error', 'm', { status: 503 }), ['true', '1', undefined]],
    [
      new GatewayError('upstream_error', 'm', { status: 503, retryAfterMs: 2_400 }),
      ['true', '3', '2400'],
    ],
  ]
  for (const [error, expected] of cases) {
    const { client } = await refuse(error)
    const { headers } = await client.response()
    assert.deepEqual(
      ['x-should-retry', 'retry-after', 'retry-after-ms'].map((name) => headers[name]),
      expected,
      error.code,
    )
    client.destroy()
  }
})

test('a small rest of a body is read over, so that the connection serves the next request', async () => {
  const { client } = await refuse(refusal(), postBytes('/', { 'content-length': '100' }))
  const { headers } = await client.response()
  assert.equal(headers['connection'], 'keep-alive')
  await client.write('x'.repeat(100))
  answer = (res) => res.end('next')
  await client.write(postBytes('/'))
  assert.equal((await client.response()).text, 'next')
  client.destroy()
})

test('C03 a large rest is not waited for longer than a second', async () => {
  for (const head of [
    postBytes('/', { 'content-length': '65537' }),
    'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n',
  ]) {
    const { client, clock } = await refuse(refusal(), head)
    const { headers, complete } = await client.response()
    assert.equal(headers['connection'], 'close')
    assert.equal(complete, true)
    assert.equal(clock.pending, 1)
    await clock.advance(1000)
    assert.equal((await client.closed).how, 'fin')
    assert.equal(clock.pending, 0)
  }
})

test('a rest that ends by itself ends the connection at once', async () => {
  const { client, clock } = await refuse(
    refusal({ closeConnection: true }),
    postBytes('/', { 'content-length': '10' }),
  )
  await client.response()
  await client.write('0123456789')
  assert.equal((await client.closed).how, 'fin')
  assert.equal(clock.pending, 0)
})

test('C04 a client that pushes on is not read beyond a bound, and gets its answer', async () => {
  const { client, clock } = await refuse(
    refusal({ closeConnection: true }),
    postBytes('/', { 'content-length': '100000000' }),
  )
  const connection = latest as unknown as Socket
  client.write(Buffer.alloc(50_000_000)).catch(() => undefined)
  assert.equal((await client.response()).status, 400)
  for (let before = -1, same = 0; same < 100; before = connection.bytesRead) {
    same = connection.bytesRead === before ? same + 1 : 0
    await new Promise((resolve) => setImmediate(resolve))
  }
  await clock.advance(1000)
  await client.closed
  assert.ok(connection.bytesRead < 10_000_000, `${connection.bytesRead} bytes were read`)
})
test('a client that goes away meanwhile leaves no timer', async () => {
  const { client, clock } = await refuse(
    refusal({ closeConnection: true }),
    postBytes('/', { 'content-length': '1000' }),
  )
  await client.response()
  const gone = new Promise((resolve) => (latest as unknown as Socket).once('close', resolve))
  client.rst()
  await gone
  assert.equal(clock.pending, 0)
})

test('nothing is written once an answer has begun', async () => {
  const sizes: number[] = []
  answer = (res) => {
    res.write('begun')
    sizes.push(sendError(res, refusal(), [], new ManualClock()))
    res.end()
    res.destroy()
    sizes.push(sendError(res, refusal(), [], new ManualClock()))
  }
  using client = await rawConnect(port)
  await client.write(postBytes('/'))
  await client.closed
  assert.deepEqual(sizes, [0, 0])
})
