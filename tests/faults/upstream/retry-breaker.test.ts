import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Route } from '../../../src/core/route.ts'
import { Health } from '../../../src/routing/health.ts'
import { planTargets } from '../../../src/routing/plan.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const route: Route = {
  name: 'pair',
  strategy: 'priority',
  targets: ['a', 'b'].map((provider) => ({ provider, model: 'm', weight: 1 })),
  fallbacks: [],
  hedge: null,
}
const wayOf = (provider: string) => ({ provider, model: 'm', key: 'k', quotaGroup: 'k' })

/** A route to two targets, and what is learnt of them; a chance of a half is no jitter. */
function openPair(of: Route = route) {
  const clock = new ManualClock()
  const health = new Health(clock, () => 0.5)
  const plan = (): string[] =>
    planTargets(
      [of],
      ({ provider, model }) => health.target(provider, model, [{ name: 'k', quotaGroup: 'k' }]),
      () => 0.5,
    ).map(({ target }) => target.provider)
  const fail = (provider: string, times = 1): void => {
    for (let time = 0; time < times; time++)
      health.failed(wayOf(provider), health.begin(wayOf(provider)))
  }
  const succeed = (provider: string): void =>
    health.succeeded(wayOf(provider), health.begin(wayOf(provider)))
  return { clock, plan, fail, succeed, health }
}

test('a target is left out after five failures in a row, and not after four', () => {
  const { plan, fail, succeed } = openPair()
  fail('a', 4)
  assert.deepEqual(plan(), ['a', 'b'])
  succeed('a')
  fail('a', 4)
  assert.deepEqual(plan(), ['a', 'b'])
  fail('a')
  assert.deepEqual(plan(), ['b'])
})

test('it comes back after half a minute for one call, and for good after two that went well', async () => {
  const { clock, plan, fail, succeed, health } = openPair()
  fail('a', 5)
  await clock.advance(29_999)
  assert.deepEqual(plan(), ['b'])
  await clock.advance(1)
  assert.deepEqual(plan(), ['a', 'b'])
  const sinceMs = health.begin(wayOf('a'))
  assert.deepEqual(plan(), ['b'], 'one call at a time while it is on trial')
  health.succeeded(wayOf('a'), sinceMs)
  assert.deepEqual(plan(), ['a', 'b'])
  succeed('a')
  assert.equal(health.breaker(wayOf('a'))?.state(clock.monotonic()), 'closed')
})

test('one that fails on trial is out for longer each time, five minutes at most', async () => {
  const { clock, plan, fail } = openPair()
  fail('a', 5)
  for (const outMs of [30_000, 60_000, 90_000, 120_000]) {
    await clock.advance(outMs - 1)
    assert.deepEqual(plan(), ['b'], String(outMs))
    await clock.advance(1)
    assert.deepEqual(plan(), ['a', 'b'], String(outMs))
    fail('a')
  }
  for (let time = 0; time < 20; time++) {
    await clock.advance(300_000)
    fail('a')
  }
  await clock.advance(299_999)
  assert.deepEqual(plan(), ['b'])
  await clock.advance(1)
  assert.deepEqual(plan(), ['a', 'b'])
})

test('one that is back gets a tenth of its share, and all of it after half a minute', async () => {
  const { clock, fail, succeed, health } = openPair()
  const share = (): number => health.target('a', 'm', [{ name: 'k', quotaGroup: 'k' }]).share
  fail('a', 5)
  await clock.advance(30_000)
  succeed('a')
  succeed('a')
  assert.equal(share(), 0.1)
  await clock.advance(15_000)
  assert.equal(share(), 0.5)
  await clock.advance(15_000)
  assert.equal(share(), 1)
})

test('half of at least twenty calls within half a minute take a target out, older ones do not count', async () => {
  const { clock, plan, fail, succeed } = openPair()
  for (let call = 0; call < 9; call++) {
    succeed('a')
    fail('a')
  }
  assert.deepEqual(plan(), ['a', 'b'], 'eighteen are too few')
  await clock.advance(60_000)
  for (let call = 0; call < 9; call++) {
    succeed('a')
    fail('a')
  }
  assert.deepEqual(plan(), ['a', 'b'], 'the first eighteen are long gone')
  succeed('a')
  fail('a')
  assert.deepEqual(plan(), ['b'])
})

test('U51: with more than half of them out all are asked again, those that are well first', () => {
  const { plan, fail } = openPair()
  fail('a', 5)
  fail('b', 5)
  assert.deepEqual(plan(), ['a', 'b'])
  const three = openPair({
    ...route,
    targets: ['a', 'b', 'c'].map((provider) => ({ provider, model: 'm', weight: 1 })),
  })
  three.fail('a', 5)
  assert.deepEqual(three.plan(), ['b', 'c'])
  three.fail('b', 5)
  assert.deepEqual(three.plan(), ['c', 'a', 'b'])
})

test('the only target of a plan is asked however often it failed', () => {
  const { plan, fail } = openPair({ ...route, targets: route.targets.slice(0, 1) })
  fail('a', 50)
  assert.deepEqual(plan(), ['a'])
})
