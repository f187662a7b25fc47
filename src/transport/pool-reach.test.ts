import assert from 'node:assert/strict'
import type { LookupFunction } from 'node:net'
import { after, test } from 'node:test'
import { startUpstream } from '../../tests/support/upstream.ts'
import type { GatewayError } from '../core/errors.ts'
import { type PoolSettings, Pools } from './pool.ts'

const upstream = await startUpstream()
const proxy = await startUpstream()
after(() => Promise.all([upstream.stop(), proxy.stop()]))

/** Every name leads there, one after the other of the lists. */
const leadingTo = (...turns: readonly (readonly string[])[]): LookupFunction => {
  let turn = 0
  return (_, __, callback) => {
    const addresses = turns[Math.min(turn++, turns.length - 1)] ?? []
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    callback(null, found)
  }
}

async function send(
  host: string,
  changes: Partial<PoolSettings>,
  lookup?: LookupFunction,
): Promise<'end' | GatewayError> {
  const pools = new Pools(lookup)
  const origin = `http://${host}:${upstream.port}`
  const settings = { origin, connectTimeoutMs: 5000, connections: 1, proxy: null, ca: null }
  const body = Buffer.from(
    JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }] }),
  )
  const path = '/v1/chat/completions'
  const headers = ['content-type', 'application/json']
  try {
    return await new Promise((resolve) => {
      pools
        .open({ ...settings, ...changes })
        .send(
          { path, headers, body },
          { onHead() {}, onData() {}, onEnd: () => resolve('end'), onFailure: resolve },
        )
    })
  } finally {
    await pools.close()
  }
}

async function assertRefused(...args: Parameters<typeof send>): Promise<void> {
  const before = upstream.connections.total + proxy.connections.total
  const outcome = await send(...args)
  assert.ok(outcome !== 'end', `${args[0]} was reached`)
  assert.equal(outcome.code, 'upstream_unreachable')
  assert.match(outcome.message, /its address is not one it may be reached at/)
  assert.doesNotMatch(outcome.message, /\d+\.\d+\.\d+/)
  assert.equal(outcome.facts.dispatched, false)
  assert.equal(upstream.connections.total + proxy.connections.total, before)
}

test('a name is reached by where it leads, whatever it is called', async () => {
  await assertRefused('localhost', { reach: 'public' })
  for (const address of ['127.0.0.1', '10.0.0.1', '::1', '::ffff:127.0.0.1', 'fd00::1'])
    await assertRefused('model.example', { reach: 'public' }, leadingTo([address]))
  await assertRefused('model.example', { reach: 'public' }, leadingTo(['8.8.8.8', '127.0.0.1']))
  await assertRefused('model.example', { reach: 'private' }, leadingTo(['169.254.169.254']))
})

test('an address is no name, and is held to the same', async () => {
  for (const host of ['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]'])
    await assertRefused(host, { reach: 'public' })
})

test('with permission the private network is reached, and without a rule everything is', async () => {
  assert.equal(await send('localhost', { reach: 'private' }), 'end')
  assert.equal(await send('127.0.0.1', { reach: 'private' }), 'end')
  assert.equal(await send('model.example', { reach: 'private' }, leadingTo(['127.0.0.1'])), 'end')
  assert.equal(await send('127.0.0.1', { reach: 'any' }), 'end')
  assert.equal(await send('127.0.0.1', {}), 'end')
})

test('a proxy is not asked for what may not be reached', async () => {
  const through = { proxy: proxy.url, reach: 'public' } as const
  await assertRefused('127.0.0.1', through)
  await assertRefused('[::ffff:169.254.169.254]', { ...through, reach: 'private' })
  await assertRefused('model.example', through, leadingTo(['10.1.2.3']))
  const before = proxy.connections.total
  await send('model.example', through, leadingTo(['8.8.8.8']))
  assert.equal(proxy.connections.total, before + 1)
})
