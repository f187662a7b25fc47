import assert from 'node:assert/strict'
import type { LookupFunction } from 'node:net'
import { after, test } from 'node:test'
import { openBlackHole } from '../../tests/support/black-hole.ts'
import { startUpstream } from '../../tests/support/upstream.ts'
import type { GatewayError } from '../core/errors.ts'
import { Pools } from './pool.ts'
import { shareLookups } from './shared-lookup.ts'

const upstream = await startUpstream()
after(() => upstream.stop())

type Respond = Parameters<LookupFunction>[2]

interface Resolver {
  readonly pools: Pools
  /** The names that were asked for. */
  readonly asked: string[]
}

/** Pools whose names resolve as a test says. */
function resolving(respond: (respond: Respond) => void): Resolver {
  const asked: string[] = []
  const lookup: LookupFunction = (hostname, _options, callback) => {
    asked.push(hostname)
    respond(callback)
  }
  const pools = new Pools(shareLookups(lookup))
  after(() => pools.close())
  return { pools, asked }
}

const addresses = (...all: string[]): { address: string; family: number }[] =>
  all.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

function send(
  { pools }: Resolver,
  { port = upstream.port, connectTimeoutMs = 5000, name = 'name.test', fresh = false } = {},
): Promise<'end' | GatewayError> {
  const endpoint = pools.open({
    origin: `http://${name}:${port}`,
    connectTimeoutMs,
    connections: 100,
    proxy: null,
    ca: null,
  })
  return new Promise((resolve) => {
    endpoint.send(
      {
        path: '/v1/chat/completions',
        headers: ['content-type', 'application/json'],
        body: Buffer.from(JSON.stringify({ model: 'm', messages: [] })),
        ...(fresh && { fresh }),
      },
      {
        onHead: () => undefined,
        onData: () => undefined,
        onEnd: () => resolve('end'),
        onFailure: resolve,
      },
    )
  })
}

function assertUnreachable(outcome: 'end' | GatewayError, why: RegExp): void {
  assert.notEqual(outcome, 'end')
  const error = outcome as GatewayError
  assert.equal(error.code, 'upstream_unreachable')
  assert.match(error.message, why)
  assert.equal(error.facts.dispatched, false)
}

test('U01 each way in which a name does not resolve is told, and nothing was sent', async () => {
  for (const [code, why] of [
    ['ENOTFOUND', /name lookup failed\)/],
    ['EAI_AGAIN', /name lookup failed for now/],
    ['ESERVFAIL', /ESERVFAIL/],
  ] as const) {
    const failed = Object.assign(new Error(`getaddrinfo ${code} name.test`), { code })
    const resolver = resolving((respond) => respond(failed, []))
    assertUnreachable(await send(resolver), why)
    assert.deepEqual(resolver.asked, ['name.test'])
  }
})

test('U01 a resolver that does not answer is given up when connecting may take no longer', async () => {
  const resolver = resolving(() => undefined)
  assertUnreachable(await send(resolver, { connectTimeoutMs: 100 }), /no connection in time/)
})

test('U01 a slow name is asked for once, however many calls wait, and holds up no other', async () => {
  const slow: Respond[] = []
  const resolver = resolving((respond) => {
    if (resolver.asked.at(-1) === 'slow.test') slow.push(respond)
    else respond(null, addresses('127.0.0.1'))
  })
  const waiting = Array.from({ length: 20 }, () => send(resolver, { name: 'slow.test' }))
  assert.equal(await send(resolver), 'end')
  assert.equal(slow.length, 1)
  slow[0]?.(null, addresses('127.0.0.1'))
  assert.deepEqual([...new Set(await Promise.all(waiting))], ['end'])
  assert.deepEqual(resolver.asked, ['slow.test', 'name.test'])
})

test('U01 what failed to resolve is asked for again by the next call', async () => {
  const answers: Parameters<Respond>[] = [
    [Object.assign(new Error('no'), { code: 'EAI_AGAIN' }), []],
    [null, addresses('127.0.0.1')],
  ]
  const resolver = resolving((respond) => respond(...(answers.shift() as Parameters<Respond>)))
  assertUnreachable(await send(resolver), /for now/)
  assert.equal(await send(resolver), 'end')
})

test('U02 a new connection goes to the address the name has now', async () => {
  let address = '127.0.0.1'
  const resolver = resolving((respond) => respond(null, addresses(address)))
  assert.equal(await send(resolver), 'end')
  address = '127.0.0.2'
  // Nobody listens there.
  assertUnreachable(await send(resolver, { fresh: true }), /connection refused/)
  // One that is open is still good: nothing says that the old address is not.
  assert.equal(await send(resolver), 'end')
})

test('U03 an address of the other family that refuses is passed over', async () => {
  for (const order of [
    ['::1', '127.0.0.1'],
    ['127.0.0.1', '::1'],
  ] as const)
    assert.equal(await send(resolving((respond) => respond(null, addresses(...order)))), 'end')
})

test('U03 an address of the other family that does not answer costs a quarter of a second', async () => {
  using _hole = await openBlackHole('::1', upstream.port)
  const resolver = resolving((respond) => respond(null, addresses('::1', '127.0.0.1')))
  const began = performance.now()
  assert.equal(await send(resolver), 'end')
  const tookMs = performance.now() - began
  assert.ok(tookMs > 200 && tookMs < 1000, `${tookMs} ms`)
})

test('U03 U05 where no address answers, connecting ends in time', async () => {
  using hole = await openBlackHole()
  const options = { port: hole.port, connectTimeoutMs: 700 }
  for (const all of [['127.0.0.1'], ['127.0.0.1', '127.0.0.1']]) {
    const began = performance.now()
    const resolver = resolving((respond) => respond(null, addresses(...all)))
    assertUnreachable(await send(resolver, options), /no connection in time/)
    const tookMs = performance.now() - began
    assert.ok(tookMs > 300 && tookMs < 3000, `${tookMs} ms`)
  }
})
