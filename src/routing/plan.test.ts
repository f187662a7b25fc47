import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { Route } from '../core/route.ts'
import { chooseTarget, pickByWeight } from './plan.ts'

/** Chance from a seed, evenly spread: the same in every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32
    return state / 2 ** 32
  }
}
const items = (...weights: readonly number[]) => weights.map((weight, at) => ({ weight, at }))

function shares(weights: readonly number[], draws = 20_000): readonly number[] {
  const random = seeded(42)
  const list = items(...weights)
  const counts = weights.map(() => 0)
  for (let i = 0; i < draws; i++) {
    const { at } = pickByWeight(list, random)
    counts[at] = (counts[at] ?? 0) + 1
  }
  return counts.map((count) => Math.round((count / draws) * 100) / 100)
}

test('a target is chosen as often as it weighs', () => {
  assert.deepEqual(shares([3, 1]), [0.75, 0.25])
  assert.deepEqual(shares([1, 0, 1]), [0.5, 0, 0.5])
  assert.deepEqual(shares([0.2, 0.8]), [0.2, 0.8])
  assert.deepEqual(shares([5]), [1])
})

test('where nothing weighs anything, each counts alike', () => {
  assert.deepEqual(shares([0, 0]), [0.5, 0.5])
})

test('what weighs nothing is never chosen beside what does', () => {
  assert.equal(pickByWeight(items(0, 1), () => 0).at, 1)
  // A sum that is rounded up leaves a rest behind the last of them.
  assert.equal(pickByWeight(items(0.1, 0.1, 0.4, 0), () => 1 - Number.EPSILON / 2).at, 2)
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constant(0), fc.double({ min: 0.001, max: 1e6, noNaN: true })), {
        minLength: 1,
      }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (weights, chance) => {
        const picked = pickByWeight(items(...weights), () => chance)
        assert.ok(picked.weight > 0 || weights.every((weight) => weight === 0))
      },
    ),
  )
})

const route = (strategy: Route['strategy']): Route => ({
  name: 'r',
  strategy,
  targets: [
    { provider: 'a', model: 'm', weight: 1 },
    { provider: 'b', model: 'm', weight: 1000 },
  ],
})

test('only the weighted strategy leaves it to chance', () => {
  assert.equal(chooseTarget(route('priority'), () => 0.99).provider, 'a')
  assert.equal(chooseTarget(route('weighted'), () => 0.99).provider, 'b')
  assert.equal(chooseTarget(route('weighted'), () => 0).provider, 'a')
})

test('a route without targets is a fault of ours, not a call to nowhere', () => {
  assert.throws(() => chooseTarget({ ...route('priority'), targets: [] }, () => 0), /no targets/)
})
