import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf } from '../../tests/faults/upstream/provider-fixture.ts'
import {
  fail,
  good,
  outcome,
  race,
  refused,
  reset,
  run,
  three,
} from '../../tests/support/attempt-rig.ts'
import { GatewayError } from '../core/errors.ts'
import { newLoad } from '../routing/retry-budget.ts'

test('a provider in trouble is asked as often as configured, then the next', async () => {
  const ran = run({ replies: { up: [fail(503)], next: [good] }, providers: ['up', 'next'] })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/a', 'up/a', 'up/a', 'next/a'])
  assert.equal(ran.call.fallback, 1)
})

test('waits between repeats grow with chance, and none comes before another target', async () => {
  const ran = run({ replies: { up: [fail(500)], next: [good] }, providers: ['up', 'next'] })
  await ran.clock.advance(0)
  await ran.clock.advance(124)
  assert.equal(ran.sent.length, 1)
  await ran.clock.advance(1)
  assert.equal(ran.sent.length, 2)
  await ran.clock.advance(249)
  assert.equal(ran.sent.length, 2)
  await ran.clock.advance(1)
  assert.deepEqual(ran.sent, ['up/a', 'up/a', 'up/a', 'next/a'])
})

test('with retries.max 0 nothing is repeated, but the next target is asked all the same', async () => {
  const ran = run({
    replies: { up: [fail(500)], next: [good] },
    providers: ['up', 'next'],
    retries: 0,
  })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/a', 'next/a'])
})

test('what was not sent is repeated once, at once', async () => {
  const ran = run({ replies: { up: [refused, good] } })
  assert.equal(await outcome(ran), 'reply')
  assert.equal(ran.call.attempts.length, 2)
  const never = run({ replies: { up: [refused] }, providers: ['up', 'next'] })
  await outcome(never)
  assert.deepEqual(never.sent, ['up/a', 'up/a', 'next/a'])
})

test('a connection that was closed just as it was taken is made anew, once, also with retries.max 0', async () => {
  const ran = run({ replies: { up: [race, good] }, retries: 0 })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/a', 'up/a!'])
  const twice = run({ replies: { up: [race] }, retries: 0 })
  assert.equal(await outcome(twice), 'upstream_unreachable 502 retried')
  assert.deepEqual(twice.sent, ['up/a', 'up/a!'])
})

test('what may have been billed is not asked of the same again, only of others', async () => {
  const ran = run({ replies: { up: [reset], next: [good] }, providers: ['up', 'next'] })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/a', 'next/a'])
  const alone = run({ replies: { up: [reset] } })
  assert.equal(await outcome(alone), 'upstream_unreachable 502')
  assert.equal(alone.sent.length, 1)
})

test('a mistake of the caller is told once, and nobody else is asked', async () => {
  for (const status of [400, 404, 413, 422]) {
    const ran = run({ replies: { up: [fail(status)] }, providers: ['up', 'next'], keys: three })
    assert.equal(await outcome(ran), `upstream_rejected ${status}`)
    assert.equal(ran.sent.length, 1, String(status))
  }
})

test('a conflict is tried again there, and nowhere else', async () => {
  const ran = run({ replies: { up: [fail(409)] }, providers: ['up', 'next'], keys: three })
  assert.equal(await outcome(ran), 'upstream_rejected 409 retried')
  assert.deepEqual(ran.sent, ['up/a', 'up/a', 'up/a'])
})

test('a key that is limited or refused gives way to the next at once, and rests', async () => {
  for (const status of [429, 401, 402, 403]) {
    const ran = run({ replies: { 'up/a': [fail(status)] }, keys: three })
    assert.equal((await ran.answer).kind, 'reply')
    assert.deepEqual(ran.sent, ['up/a', 'up/b'])
    const shared = { health: ran.health, clock: ran.clock }
    const later = run({ replies: {}, keys: three, shared })
    await later.answer
    assert.deepEqual(later.sent, ['up/b'], String(status))
  }
})

test('keys of one quota rest together', async () => {
  const keys = three.map((key, at) => ({ ...key, quotaGroup: at < 2 ? 'shared' : 'own' }))
  const ran = run({ replies: { 'up/a': [fail(429, { 'retry-after': '30' })] }, keys })
  await ran.answer
  assert.deepEqual(ran.sent, ['up/a', 'up/c'])
})

test('a short pause is waited for only where nobody else is left', async () => {
  const limited = fail(429, { 'retry-after': '2' })
  const alone = run({ replies: { up: [limited, good] } })
  assert.equal(await outcome(alone), 'reply')
  assert.equal(alone.sent.length, 2)
  const long = run({ replies: { up: [fail(429, { 'retry-after': '3' })] } })
  assert.equal(await outcome(long), 'upstream_rate_limited 429')
  assert.equal(long.sent.length, 1)
  const two = run({ replies: { up: [limited] }, providers: ['up', 'next'] })
  await two.answer
  assert.deepEqual(two.sent, ['up/a', 'next/a'])
})

test('while a provider has asked for a pause with every key, nobody asks it', async () => {
  const first = run({ replies: { up: [fail(429, { 'retry-after': '30' })] } })
  await outcome(first)
  await first.clock.advance(10_000)
  const shared = { health: first.health, clock: first.clock }
  const second = run({ replies: {}, shared })
  const error = await second.answer.catch((thrown: GatewayError) => thrown)
  assert.ok(error instanceof GatewayError)
  assert.equal(error.code, 'upstream_rate_limited')
  assert.ok((error.facts.retryAfterMs ?? 0) <= 20_000)
  assert.equal(second.sent.length, 0)
})

test('a job waits for a pause as long as a minute, and what it cannot wait for is its end', async () => {
  const first = run({ replies: { up: [fail(429, { 'retry-after': '50' }), good] }, job: true })
  assert.equal(await outcome(first), 'reply')
  const rested = run({ replies: { up: [fail(429, { 'retry-after': '100' })] }, job: true })
  assert.equal(await outcome(rested), 'upstream_rate_limited 429')
  await rested.clock.advance(50_000)
  const second = run({ replies: {}, job: true, shared: rested })
  await second.clock.advance(1000)
  assert.equal(second.sent.length, 0)
  assert.equal(await outcome(second), 'reply')
})

test('a job that waits for a pause hears that the gateway ends', async () => {
  const rested = run({ replies: { up: [fail(429, { 'retry-after': '30' })] } })
  await outcome(rested)
  const stop = new AbortController()
  const load = newLoad()
  const { answer, clock } = run({
    replies: {},
    job: true,
    shared: rested,
    signal: stop.signal,
    load,
  })
  await clock.advance(1000)
  stop.abort(new GatewayError('gateway_shutdown', 'it ends'))
  await assert.rejects(answer, { code: 'gateway_shutdown' })
  assert.deepEqual(load, newLoad())
})

test('a caller who leaves while a repeat waits leaves nothing counted', async () => {
  const leave = new AbortController()
  const load = newLoad()
  const { answer, clock, sent } = run({ replies: { up: [fail(503)] }, signal: leave.signal, load })
  await clock.advance(0)
  assert.deepEqual(load, { first: 0, repeats: 1 })
  leave.abort(new GatewayError('client_closed', 'gone'))
  await assert.rejects(answer, { code: 'client_closed' })
  await clock.advance(60_000)
  assert.equal(sent.length, 1)
  assert.deepEqual(load, newLoad())
})

test('a target that rests does not speak for one that was asked and failed', async () => {
  const two = ['up', 'next']
  const rested = run({
    replies: { next: [fail(429, { 'retry-after': '300' })] },
    providers: ['next'],
  })
  await outcome(rested)
  const ran = run({ replies: { up: [fail(500)] }, providers: two, retries: 0, shared: rested })
  assert.equal(await outcome(ran), 'upstream_error 500')
  assert.equal(ran.call.fallback, 0)
})

test('of several pauses the caller is told the shortest', async () => {
  const two = ['up', 'next']
  const rested = run({
    replies: {
      up: [fail(429, { 'retry-after': '20' })],
      next: [fail(429, { 'retry-after': '300' })],
    },
    providers: two,
  })
  await outcome(rested)
  const { answer } = run({ replies: {}, providers: two, shared: rested })
  await assert.rejects(answer, (error: GatewayError) => (error.facts.retryAfterMs ?? 0) <= 20_000)
})

test('a short pause is waited for also where the other keys rest', async () => {
  const rested = run({ replies: { 'up/a': [fail(401)] }, keys: three.slice(0, 2) })
  await outcome(rested)
  const limited = fail(429, { 'retry-after': '1' })
  const ran = run({
    replies: { 'up/b': [limited, good] },
    keys: three.slice(0, 2),
    shared: rested,
  })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/b', 'up/b'])
})

test('a request that makes a provider speak of keys does not cost the key its place', async () => {
  const words = { error: { message: "'Invalid API key' is not one of ['user', 'tool']" } }
  const ran = run({ replies: { up: [[400, words]] } })
  await outcome(ran)
  assert.equal(ran.health.rests('up'), null)
})

test('a provider that has no place for a call is not asked by its other keys', async () => {
  const full = new GatewayError('overloaded', 'full', { dispatched: false })
  const replies = { 'up/a': [full], 'up/b': [full], 'up/c': [full] }
  const ran = run({ replies, providers: ['up', 'next'], keys: three })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/a', 'next/a'])
})

test('a provider is never without a key: of those that rest without a word the first back is used', async () => {
  const first = run({ replies: { up: [fail(401)] }, keys: three })
  assert.equal(await outcome(first), 'upstream_auth_failed 502 retried')
  assert.deepEqual(first.sent, ['up/a', 'up/b', 'up/c'])
  const shared = { health: first.health, clock: first.clock }
  const second = run({ replies: {}, keys: three, shared })
  assert.equal((await second.answer).kind, 'reply')
  assert.deepEqual(second.sent, ['up/a'])
})

test('six attempts are the most, whatever is configured', async () => {
  const ran = run({ replies: { up: [fail(500)], next: [fail(500)] }, keys: three, retries: 9 })
  assert.equal(await outcome(ran), 'upstream_error 500 retried')
  assert.equal(ran.sent.length, 6)
})

test('a wait that is too long for the call is not begun', async () => {
  const ran = run({ replies: { up: [fail(503, { 'retry-after': '11' })] } })
  assert.equal(await outcome(ran), 'upstream_error 503')
  assert.equal(ran.sent.length, 1)
})

test('a stream that ends before its first event goes on with another, the same answer as before', async () => {
  const begun = 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
  for (const before of ['', ': ping\n\n', 'data: {"error":{"message":"x","code":503}}\n\n']) {
    const ran = run({
      replies: { up: [[200, before]], next: [[200, begun]] },
      providers: ['up', 'next'],
      stream: true,
      retries: 0,
    })
    assert.equal(await outcome(ran), 'stream', JSON.stringify(before))
    assert.deepEqual(ran.sent, ['up/a', 'next/a'])
  }
})

test('silence ends with the time limit, and the next is asked', async () => {
  const timeouts = { firstByteMs: 1000 }
  const ran = run({
    replies: { up: ['silence'], next: [good] },
    providers: ['up', 'next'],
    timeouts,
  })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/a', 'next/a'])
})

test('when much fails at once, what fails is told instead of asked again', async () => {
  const ran = run({ replies: { up: [fail(500)] }, load: { first: 100, repeats: 20 } })
  assert.equal(await outcome(ran), 'upstream_error 500')
  assert.equal(ran.sent.length, 1)
  const load = { first: 100, repeats: 19 }
  const other = run({ replies: { up: [fail(500), good] }, load })
  assert.equal(await outcome(other), 'reply')
  assert.deepEqual(load, { first: 100, repeats: 19 })
})

test('the last target’s own reason is told where nobody could be asked', async () => {
  const ran = run({ replies: {}, providers: ['up'], keys: [{ ...keyOf(), models: ['other'] }] })
  await assert.rejects(ran.answer, { code: 'model_not_found' })
})

test('six attempts are the end, also where the last one taught how to ask', async () => {
  const providers = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6']
  const unknown = [400, { error: { message: 'Unknown field: stream_options' } }] as const
  const first = Object.fromEntries(providers.map((name) => [name, [fail(401)]]))
  const ran = run({ replies: { ...first, p6: [unknown, good] }, providers, stream: true })
  assert.equal(await outcome(ran), 'upstream_rejected 400 retried')
  assert.equal(ran.sent.length, 6)
})
