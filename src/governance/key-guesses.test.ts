import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { GatewayError } from '../core/errors.ts'
import { KeyGuesses } from './key-guesses.ts'

const free = 300

/** Null: it was noted; else how long to wait. */
function waitOf(guesses: KeyGuesses, address: string): number | null {
  try {
    guesses.note(address)
    return null
  } catch (thrown) {
    assert.ok(thrown instanceof GatewayError && thrown.code === 'login_throttled')
    return thrown.facts.retryAfterMs ?? 0
  }
}

const waits = (guesses: KeyGuesses, count: number): readonly (number | null)[] =>
  Array.from({ length: count }, () => waitOf(guesses, 'a'))

test('whoever tries hundreds of keys in a minute waits, longer each time up to a minute', async () => {
  const clock = new ManualClock()
  const guesses = new KeyGuesses(clock)
  assert.deepEqual(new Set(waits(guesses, free)), new Set([null]))
  for (const waitMs of [1, 2, 4, 8, 16, 32, 60].map((seconds) => seconds * 1000)) {
    assert.equal(waitOf(guesses, 'a'), waitMs)
    // What comes meanwhile is refused, and makes it no longer.
    assert.deepEqual(new Set(waits(guesses, 5)), new Set([waitMs]))
    assert.equal(waitOf(guesses, 'b'), null)
    await clock.advance(waitMs)
  }
})

test('a few wrong keys now and then are never refused, and a quiet minute makes everything good', async () => {
  const clock = new ManualClock()
  const guesses = new KeyGuesses(clock)
  for (let minute = 0; minute < 5; minute++) {
    assert.ok(waits(guesses, free - 1).every((wait) => wait === null))
    await clock.advance(60_000)
  }
  waits(guesses, free + 1)
  await clock.advance(61_000)
  assert.deepEqual(new Set(waits(guesses, free)), new Set([null]))
  assert.equal(waitOf(guesses, 'a'), 1000)
})

test('however many addresses there are, a bounded number of them is remembered', () => {
  const guesses = new KeyGuesses(new ManualClock())
  for (let n = 0; n < 12_000; n++) guesses.note(`10.0.${n >> 8}.${n & 255}`)
  assert.ok(guesses.size <= 10_000)
})
