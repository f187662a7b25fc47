import assert from 'node:assert/strict'
import test from 'node:test'
import { fc } from '../../tests/support/properties.ts'
import { openRateMeter, type RateMeter } from './rate-meter.ts'

const at = (ms: number) => ({ monotonicMs: ms, epochMs: Date.UTC(2026, 0, 31, 23, 59) + ms })

function admitted(meter: RateMeter, calls: number, ms: number, cost = 1): number {
  let count = 0
  for (let call = 0; call < calls; call++)
    if (meter.waitFor(cost, at(ms)) === 0) {
      meter.take(cost, at(ms))
      count++
    }
  return count
}

test('exactly the limit comes through of ten times as many, whatever the numbers', () => {
  for (const amount of [1, 3, 7, 100, 99_999, 100_000])
    for (const windowMs of [1000, 60_000, 86_400_000]) {
      const meter = openRateMeter({ amount, windowMs })
      assert.equal(admitted(meter, Math.min(10 * amount, amount + 1000), 123_456_789.123), amount)
    }
})

test('it refills evenly: a wait that was told is long enough, and not longer than needed', () => {
  const meter = openRateMeter({ amount: 100, windowMs: 60_000 })
  admitted(meter, 100, 0)
  const wait = meter.waitFor(1, at(0))
  assert.equal(wait, 600)
  assert.ok(meter.waitFor(1, at(299)) > 0)
  assert.equal(meter.waitFor(1, at(600)), 0)
  assert.deepEqual(meter.state(at(30_000)), { limit: 100, remaining: 50, resetMs: 30_000 })
})

test('no stretch of time ever sees more than the limit and what refilled in it', () => {
  const steps = fc.array(fc.record({ afterMs: fc.nat(5000), calls: fc.nat(30) }), { maxLength: 60 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), steps, (amount, waves) => {
      const windowMs = 10_000
      const meter = openRateMeter({ amount, windowMs })
      const seen: { ms: number; count: number }[] = []
      let ms = 0
      for (const { afterMs, calls } of waves) {
        ms += afterMs
        seen.push({ ms, count: admitted(meter, calls, ms) })
      }
      for (let from = 0; from < seen.length; from++) {
        let sum = 0
        for (let to = from; to < seen.length; to++) {
          sum += seen[to]?.count ?? 0
          const span = (seen[to]?.ms ?? 0) - (seen[from]?.ms ?? 0)
          assert.ok(sum <= amount + (span * amount) / windowMs + 0.5)
        }
      }
    }),
  )
})

test('more than the whole limit never fits, however long one waits', () => {
  for (const rate of [
    { amount: 10, windowMs: 1000 },
    { amount: 10, windowMs: 60_000, calendar: 'minute' as const },
  ])
    assert.equal(openRateMeter(rate).waitFor(11, at(0)), Number.POSITIVE_INFINITY)
})

test('an estimate that was wrong is set right: what was too much comes back, what was missing delays', () => {
  const meter = openRateMeter({ amount: 1000, windowMs: 60_000 })
  meter.take(1000, at(0))
  meter.correct(-900, at(1), at(0))
  assert.equal(meter.waitFor(900, at(1)), 0)
  meter.take(900, at(1))
  meter.correct(500, at(2), at(1))
  assert.ok(Math.abs(meter.waitFor(1, at(2)) - 30_060) < 10)
})

test('one surprise never locks out for more than a window beyond the limit', () => {
  const meter = openRateMeter({ amount: 1000, windowMs: 60_000 })
  meter.correct(1_000_000, at(0), at(0))
  assert.ok(meter.waitFor(1, at(0)) <= 60_060)
})

test('a calendar month ends with the month, and a clock set back gives nothing twice', () => {
  const meter = openRateMeter({ amount: 2, windowMs: 0, calendar: 'month' })
  assert.equal(admitted(meter, 5, 0), 2)
  assert.equal(meter.waitFor(1, at(0)), 60_000)
  assert.equal(admitted(meter, 5, 60_000), 2)
  assert.equal(admitted(meter, 5, 0), 0)
  assert.equal(meter.state(at(60_000)).remaining, 0)
})

test('what comes back for a call of an earlier calendar window lets nobody in twice', () => {
  const meter = openRateMeter({ amount: 100, windowMs: 0, calendar: 'minute' })
  meter.take(100, at(59_000))
  meter.take(60, at(60_500))
  meter.correct(-100, at(61_000), at(59_000))
  assert.equal(meter.state(at(61_000)).remaining, 40)
  meter.correct(-60, at(62_000), at(60_500))
  assert.equal(meter.state(at(62_000)).remaining, 100)
})
