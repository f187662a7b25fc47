import assert from 'node:assert/strict'
import test from 'node:test'
import { systemRuntime } from './system.ts'

const { clock, newId, random } = systemRuntime

test('a sleep ends, or rejects with the reason it was ended for', async () => {
  await clock.sleep(1)
  const reason = new Error('enough')
  const controller = new AbortController()
  const sleeping = clock.sleep(60_000, controller.signal)
  controller.abort(reason)
  await assert.rejects(sleeping, reason)
  await assert.rejects(clock.sleep(60_000, AbortSignal.abort(reason)), reason)
})

test('a timer rings once, again when refreshed, and not when cancelled', async () => {
  const rings: string[] = []
  const ring = (): Promise<void> => new Promise((resolve) => void waiting.push(resolve))
  const waiting: (() => void)[] = []
  const timer = clock.timer(1, () => {
    rings.push('kept')
    waiting.shift()?.()
  })
  const cancelled = clock.timer(1, () => rings.push('cancelled'))
  cancelled.cancel()
  const alive = setInterval(() => {}, 1000)
  await ring()
  timer.refresh()
  await ring()
  clearInterval(alive)
  assert.deepEqual(rings, ['kept', 'kept'])
})

test('measured time never goes back, and ids sort by when they were made', () => {
  const before = clock.monotonic()
  assert.ok(before <= clock.monotonic())
  assert.ok(Math.abs(clock.now() - Date.now()) < 60_000)
  const ids = Array.from({ length: 100 }, newId)
  assert.equal(new Set(ids).size, 100)
  assert.match(
    ids[0] ?? '',
    /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  )
  assert.ok((ids[0] ?? '').slice(0, 13) <= (ids[99] ?? '').slice(0, 13))
  const chances = Array.from({ length: 100 }, random)
  assert.ok(chances.every((each) => each >= 0 && each < 1))
})
