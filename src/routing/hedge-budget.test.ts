import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc } from '../../tests/support/properties.ts'
import { HedgeBudget } from './hedge-budget.ts'

/** Makes calls of these sizes, each of them late; returns what second attempts took. */
function spent(sizes: readonly number[], share: number, used = (bytes: number) => bytes): number {
  const budget = new HedgeBudget()
  let total = 0
  for (const bytes of sizes) {
    budget.earn(bytes, share)
    if (!budget.covers(bytes)) continue
    budget.spend(used(bytes))
    total += used(bytes)
  }
  return total
}

const sum = (list: readonly number[]): number => list.reduce((all, each) => all + each, 0)

test('with every call late, one in twenty is asked twice at 5 %', () => {
  const sizes = Array.from({ length: 1000 }, () => 400)
  const taken = spent(sizes, 0.05)
  // Adding a twentieth twenty times may end a hair below one.
  assert.ok(taken >= 47 * 400 && taken <= 50 * 400, `${taken}`)
})

test('whatever the sizes, the share is never exceeded', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 1_000_000 }), { maxLength: 300 }),
      fc.integer({ min: 1, max: 100 }),
      (sizes, percent) => {
        assert.ok(spent(sizes, percent / 100) <= (sum(sizes) * percent) / 100 + 1e-3)
      },
    ),
  )
})

test('what an answer brought is paid off before the next', () => {
  const sizes = Array.from({ length: 1000 }, () => 400)
  // Three times the prompt each time: a third as many.
  const taken = spent(sizes, 0.05, (bytes) => 3 * bytes)
  assert.ok(taken <= 1000 * 400 * 0.05 + 3 * 400, `${taken}`)
  assert.ok(taken >= 15 * 3 * 400, `${taken}`)
})

test('a quiet day saves up for twenty at once, not for all of them', () => {
  const budget = new HedgeBudget()
  for (let call = 0; call < 10_000; call++) budget.earn(400, 0.5)
  let burst = 0
  for (; budget.covers(400); burst++) budget.spend(400)
  assert.equal(burst, 20)
})

test('a prompt far larger than usual can still save up for itself', () => {
  const budget = new HedgeBudget()
  for (let call = 0; call < 100; call++) budget.earn(10, 1)
  for (let call = 0; call < 20; call++) budget.earn(1_000_000, 0.1)
  assert.ok(budget.covers(1_000_000))
})

test('before any call there is nothing to spend', () => {
  assert.equal(new HedgeBudget().coversUsual, false)
})
