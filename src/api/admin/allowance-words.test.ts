import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mostNanos, nanosPerDollar } from '../../core/money.ts'
import { readAllowance, showBudget, showLimits } from './allowance-words.ts'

test('what is shown reads as what it was', () => {
  for (const [requests, per] of [
    ['100/1m', '1d'],
    ['7/90s', 'month'],
    ['1/250ms', '36h'],
    ['5/minute', 'week'],
    ['5/7d', '1ms'],
  ] as const) {
    const limits = { requests, tokens: null, concurrency: 3 }
    const budget = { usd: '0.10', per, strict: true }
    const read = readAllowance({ limits, budget })
    const shown = {
      limits: showLimits(read.limits ?? null),
      budget: showBudget(read.budget ?? null),
    }
    assert.deepEqual(shown.limits, limits)
    assert.deepEqual(readAllowance(shown), read)
  }
})

test('money is exact to the billionth of a dollar', () => {
  const nanos = (usd: string | number) =>
    readAllowance({ budget: { usd, per: '1d' } }).budget?.limitNanos
  assert.equal(nanos('0.1'), 100_000_000)
  assert.equal(nanos('0.000000001'), 1)
  assert.equal(nanos('1234567.123456789'), 1_234_567_123_456_789)
  assert.equal(nanos(0.3), 300_000_000)
  assert.ok(9_000_000 * nanosPerDollar < mostNanos)
})

test('absent stays absent, null and a block of nothing are none', () => {
  assert.deepEqual(readAllowance({}), {})
  const none = { limits: { requests: null, tokens: null }, budget: null }
  assert.deepEqual(readAllowance(none), { limits: null, budget: null })
})
