import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { type Limits, Watchdog } from './watchdog.ts'

const limits: Limits = { firstByteMs: 100, firstTokenMs: 300, idleMs: 50, totalMs: 1000 }

function watch(changes: Partial<Limits> = {}): {
  clock: ManualClock
  dog: Watchdog
  rings: string[]
} {
  const clock = new ManualClock()
  const rings: string[] = []
  const dog = new Watchdog(clock, { ...limits, ...changes }, (phase, limitMs) =>
    rings.push(`${phase} ${limitMs} at ${clock.monotonic() - start}`),
  )
  const start = clock.monotonic()
  return { clock, dog, rings }
}

test('an answer that does not begin rings once, at its limit and not before', async () => {
  const { clock, rings } = watch()
  await clock.advance(99)
  assert.deepEqual(rings, [])
  await clock.advance(10_000)
  assert.deepEqual(rings, ['first_byte 100 at 100'])
  assert.equal(clock.pending, 0)
})

test('the first token is awaited from the beginning, not from the head', async () => {
  const { clock, dog, rings } = watch()
  await clock.advance(90)
  dog.enter('first_token')
  await clock.advance(209)
  assert.deepEqual(rings, [])
  await clock.advance(1)
  assert.deepEqual(rings, ['first_token 300 at 300'])
})

test('a limit of the first token below that of the first byte holds before the head too', async () => {
  const { clock, rings } = watch({ firstTokenMs: 40 })
  await clock.advance(40)
  assert.equal(rings.length, 1)
})

test('every event starts the silence anew, with one timer however many events there are', async () => {
  const { clock, dog, rings } = watch()
  dog.enter('idle')
  for (let i = 0; i < 15; i++) {
    await clock.advance(49)
    dog.touch()
    assert.equal(clock.pending, 1)
  }
  assert.deepEqual(rings, [])
  await clock.advance(50)
  assert.deepEqual(rings, ['idle 50 at 785'])
})

test('the total limit rings whatever else happens', async () => {
  const { clock, dog, rings } = watch()
  dog.enter('idle')
  for (let i = 0; i < 40 && rings.length === 0; i++) {
    await clock.advance(30)
    dog.touch()
  }
  assert.deepEqual(rings, ['total 1000 at 1000'])
})

test('while the reader is slow silence does not count, the total does', async () => {
  const { clock, dog, rings } = watch()
  dog.enter('idle')
  dog.suspend()
  await clock.advance(900)
  assert.deepEqual(rings, [])
  dog.proceed()
  await clock.advance(49)
  assert.deepEqual(rings, [])
  await clock.advance(1)
  assert.deepEqual(rings, ['idle 50 at 950'])
  const other = watch()
  other.dog.enter('idle')
  other.dog.suspend()
  await other.clock.advance(5000)
  assert.deepEqual(other.rings, ['total 1000 at 1000'])
})

test('waiting for a slow reader sets a timer now and then, not all the time', async () => {
  const { clock, dog } = watch()
  dog.enter('idle')
  dog.suspend()
  let armed = 0
  const timer = clock.timer.bind(clock)
  clock.timer = (ms, fire) => {
    armed++
    return timer(ms, fire)
  }
  await clock.advance(900)
  assert.ok(armed <= 900 / limits.idleMs, `${armed} timers`)
})

test('entering the total alone forgets the shorter limits', async () => {
  const { clock, dog, rings } = watch()
  dog.enter('total')
  await clock.advance(999)
  assert.deepEqual(rings, [])
  await clock.advance(1)
  assert.deepEqual(rings, ['total 1000 at 1000'])
})

test('a stopped watchdog leaves no timer and rings no more', async () => {
  const { clock, dog, rings } = watch()
  dog.stop()
  assert.equal(clock.pending, 0)
  await clock.advance(10_000)
  assert.deepEqual(rings, [])
})

test('without a limit nothing rings before the total', async () => {
  const { clock, dog, rings } = watch({ idleMs: Number.POSITIVE_INFINITY })
  dog.enter('idle')
  await clock.advance(999)
  assert.deepEqual(rings, [])
})
