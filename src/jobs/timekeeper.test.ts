import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { Timekeeper } from './timekeeper.ts'

const day = 86_400_000

/** As the embedded store: never behind what it answered before. */
function memory(): { syncClock(now: number): Promise<number>; told: number } {
  return {
    told: 0,
    async syncClock(now) {
      this.told = Math.max(this.told, now)
      return this.told
    },
  }
}

test('it goes with the wall clock, between comparisons too', async () => {
  const clock = new ManualClock()
  const time = new Timekeeper(clock, memory())
  await time.sync()
  assert.equal(time.now(), clock.now())
  await clock.advance(5000)
  assert.equal(time.now(), clock.now())
})

test('a clock that is set back does not take it along, and it goes on from where it was', async () => {
  const clock = new ManualClock()
  const jumps: number[] = []
  const time = new Timekeeper(clock, memory(), (byMs) => jumps.push(byMs))
  await time.sync()
  const before = time.now()
  clock.jump(-2 * day)
  assert.equal(time.now(), before)
  await clock.advance(1000)
  await time.sync()
  assert.equal(time.now(), before + 1000)
  assert.deepEqual(jumps, [-2 * day])
  await time.sync()
  assert.equal(jumps.length, 1)
})

test('a clock that is set forward is followed once it is looked at, and said so', async () => {
  const clock = new ManualClock()
  const jumps: number[] = []
  const time = new Timekeeper(clock, memory(), (byMs) => jumps.push(byMs))
  await time.sync()
  clock.jump(2 * day)
  await time.sync()
  assert.equal(time.now(), clock.now())
  assert.deepEqual(jumps, [2 * day])
})

test('a restart under an earlier clock goes on from what the store remembers', async () => {
  const clock = new ManualClock()
  const store = memory()
  const time = new Timekeeper(clock, store)
  await time.sync()
  const before = time.now()
  clock.jump(-day)
  const next = new Timekeeper(clock, store)
  await next.sync()
  assert.equal(next.now(), before)
  await clock.advance(10)
  assert.equal(next.now(), before + 10)
})

test('a store with a clock of its own is what counts, as long as it does not go back', async () => {
  const clock = new ManualClock()
  let shared = clock.now() + 700
  const time = new Timekeeper(clock, { syncClock: async () => shared })
  await time.sync()
  assert.equal(time.now(), clock.now() + 700)
  shared = clock.now() - 5000
  await time.sync()
  assert.equal(time.now(), clock.now() + 700)
})

test('drifting seconds are no jump', async () => {
  const clock = new ManualClock()
  const time = new Timekeeper(clock, memory(), () => assert.fail('it said so'))
  await time.sync()
  for (let step = 0; step < 10; step++) {
    clock.jump(400)
    await clock.advance(10_000)
    await time.sync()
  }
})

test('a shared store’s clock is gone by, also where this machine’s own is ahead of it', async () => {
  const clock = new ManualClock()
  const shared = { behindMs: 3600_000, syncClock: async () => clock.monotonic() - shared.behindMs }
  const time = new Timekeeper(clock, shared)
  await time.sync()
  assert.equal(time.now(), clock.now() - shared.behindMs)
  await clock.advance(1000)
  assert.equal(time.now(), clock.now() - shared.behindMs)
  shared.behindMs += 500
  await time.sync()
  assert.equal(time.now(), clock.now() - 3600_000)
})
