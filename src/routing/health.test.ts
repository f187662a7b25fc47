import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { Health, type Way } from './health.ts'

const way: Way = { provider: 'up', model: 'm', key: 'a', quotaGroup: 'a' }
const keys = [{ name: 'a', quotaGroup: 'a' }]

function rig(): { health: Health; clock: ManualClock; begin: () => number } {
  const clock = new ManualClock(0)
  const health = new Health(clock, () => 0.5)
  return { health, clock, begin: () => health.begin(way) }
}

/** A way that was taken out, and may be tried again by now. */
async function halfOpen(): Promise<ReturnType<typeof rig>> {
  const made = rig()
  for (let n = 0; n < 5; n++) made.health.failed(way, made.begin())
  await made.clock.advance(30_000)
  return made
}

test('a probe that meets a rate limit or a refusal gives its turn back', async () => {
  for (const end of ['limited', 'refused', 'unknown'] as const) {
    const { health, clock, begin } = await halfOpen()
    const sinceMs = begin()
    assert.equal(health.target('up', 'm', keys).ejected, true)
    if (end === 'limited') health.limited(way, sinceMs, 1000)
    else health[end](way, sinceMs)
    await clock.advance(600_000)
    assert.equal(health.target('up', 'm', keys).ejected, false, end)
  }
})

test('a probe that takes long does not keep the others out for as long', async () => {
  const { health, clock, begin } = await halfOpen()
  begin()
  await clock.advance(29_999)
  assert.equal(health.target('up', 'm', keys).ejected, true)
  await clock.advance(1)
  assert.equal(health.target('up', 'm', keys).ejected, false)
})

test('calls begun before it was taken out neither bring it back nor prolong it', async () => {
  const { health, clock, begin } = rig()
  const early = begin()
  await clock.advance(1)
  for (let n = 0; n < 5; n++) health.failed(way, begin())
  await clock.advance(30_000)
  const probe = begin()
  for (let n = 0; n < 2; n++) health.succeeded(way, early)
  health.unknown(way, early)
  health.failed(way, early)
  assert.equal(health.breaker(way)?.ejections, 1)
  assert.equal(health.target('up', 'm', keys).ejected, true)
  health.succeeded(way, probe)
  health.succeeded(way, begin())
  assert.equal(health.breaker(way)?.state(clock.monotonic()), 'closed')
  // What failed slowly is no news of how it is now.
  for (let n = 0; n < 5; n++) health.failed(way, early)
  assert.equal(health.breaker(way)?.state(clock.monotonic()), 'closed')
})

test('a success of a call begun before a key was set aside does not call it back', async () => {
  const { health, clock, begin } = rig()
  const early = begin()
  await clock.advance(10)
  health.limited(way, begin(), 60_000)
  health.refused({ ...way, key: 'b' }, begin())
  await clock.advance(10)
  health.succeeded(way, early)
  health.succeeded({ ...way, key: 'b' }, early)
  const nowMs = clock.monotonic()
  assert.equal(health.rests('up')?.of('a', 'a', nowMs)?.why, 'cooling')
  assert.equal(health.rests('up')?.of('b', 'b', nowMs)?.why, 'refused')
  health.succeeded(way, begin())
  assert.equal(health.rests('up')?.of('a', 'a', nowMs), null)
})
