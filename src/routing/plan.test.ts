import assert from 'node:assert/strict'
import test from 'node:test'
import { fc } from '../../tests/support/properties.ts'
import type { Route, Target } from '../core/route.ts'
import { chanceFor } from './chance.ts'
import { type Chance, planTargets, type TargetHealth } from './plan.ts'

/** Chance from a seed, evenly spread: the same in every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32
    return state / 2 ** 32
  }
}

const target = (model: string, weight = 1): Target => ({ provider: 'p', model, weight })
const route = (
  strategy: Route['strategy'],
  targets: readonly Target[],
  fallbacks: readonly Route[] = [],
): Route => ({ name: 'r', strategy, targets, fallbacks, hedge: null })

type Known = Readonly<Record<string, Partial<TargetHealth>>>
const plan = (routes: readonly Route[], known: Known = {}, chance: Chance = seeded(7)): string =>
  planTargets(
    routes,
    ({ model }) => ({
      ...{ ejected: false, share: 1, latencyMs: null, latencyAgeMs: null },
      ...known[model],
    }),
    chance,
  )
    .map(({ target: { model }, fallback }) => `${model}${fallback || ''}`)
    .join(' ')

const abc = ['a', 'b', 'c'].map((model) => target(model))

test('priority keeps the order of the file', () => {
  assert.equal(plan([route('priority', abc)]), 'a b c')
})

test('fallbacks follow in order, told apart by number, and none is asked twice', () => {
  const routes = [
    route('priority', [target('a'), target('b')]),
    route('priority', [target('b'), target('c')]),
    route('priority', [target('a'), target('d')]),
  ]
  assert.equal(plan(routes), 'a b c1 d2')
})

test('a target that is ejected is left out, for half of a route at most', () => {
  const out = { ejected: true }
  assert.equal(plan([route('priority', abc)], { a: out }), 'b c')
  assert.equal(plan([route('priority', abc)], { a: out, b: out }), 'c a b')
  assert.equal(plan([route('priority', abc)], { a: out, b: out, c: out }), 'a b c')
  const two = route('priority', abc.slice(0, 2))
  assert.equal(plan([two], { a: out }), 'b')
})

test('the only target of a route is never ejected', () => {
  assert.equal(plan([route('priority', [target('a')])], { a: { ejected: true } }), 'a')
  const routes = [route('priority', [target('a')]), route('priority', [target('b')])]
  assert.equal(plan(routes, { a: { ejected: true } }), 'a b1')
})

test('the quickest comes first, and one that nobody knows before it', () => {
  const known = { a: { latencyMs: 300 }, b: { latencyMs: 100 } }
  assert.equal(plan([route('least-latency', abc)], known), 'c b a')
  assert.equal(plan([route('least-latency', abc)], { ...known, c: { latencyMs: 200 } }), 'b c a')
})

function firsts(weights: readonly number[], known: Known = {}): readonly number[] {
  const chance = seeded(42)
  const targets = weights.map((weight, at) => target(String(at), weight))
  const draws = 20_000
  const counts = weights.map(() => 0)
  for (let i = 0; i < draws; i++) {
    const first = Number(plan([route('weighted', targets)], known, chance).split(' ')[0])
    counts[first] = (counts[first] ?? 0) + 1
  }
  return counts.map((count) => Math.round((count / draws) * 20) / 20)
}

test('a target comes first as often as it weighs', () => {
  assert.deepEqual(firsts([3, 1]), [0.75, 0.25])
  assert.deepEqual(firsts([1, 0, 1]), [0.5, 0, 0.5])
  assert.deepEqual(firsts([0, 0]), [0.5, 0.5])
})

test('one that has just come back has a part of its weight', () => {
  const [first = 0, second = 0] = firsts([1, 1], { 0: { share: 0.1 } })
  assert.ok(first > 0.05 && first < 0.13, String(first))
  assert.ok(second > 0.85)
})

test('what weighs nothing is not asked beside what does', () => {
  assert.equal(plan([route('weighted', [target('a', 0), target('b')])]), 'b')
})

test('a session goes the same way each time, and sessions spread by weight', () => {
  const targets = [target('a', 3), target('b', 1)]
  const counts = { a: 0, b: 0 }
  for (let n = 0; n < 4000; n++) {
    const go = (): string =>
      plan(
        [route('weighted', targets)],
        {},
        chanceFor(`s${n}`, () => assert.fail('by chance')),
      )
    const way = go()
    assert.equal(go(), way)
    counts[way[0] as 'a' | 'b']++
  }
  assert.ok(Math.abs(counts.a / 4000 - 0.75) < 0.03, JSON.stringify(counts))
})

test('a target that goes takes only its own sessions along', () => {
  const three = route('weighted', abc)
  const two = route('weighted', abc.slice(0, 2))
  for (let n = 0; n < 500; n++) {
    const chance = chanceFor(`s${n}`, Math.random)
    const before = plan([three], {}, chance).split(' ')[0]
    const after = plan([two], {}, chance).split(' ')[0]
    if (before !== 'c') assert.equal(after, before)
  }
})

test('every usable target is in the plan once, whatever is known', () => {
  const health = fc.record({
    ejected: fc.boolean(),
    share: fc.double({ min: 0.1, max: 1, noNaN: true }),
    latencyMs: fc.option(fc.nat(1000)),
    latencyAgeMs: fc.option(fc.nat(100_000)),
  })
  const strategies = fc.constantFrom<Route['strategy']>('priority', 'weighted', 'least-latency')
  fc.assert(
    fc.property(strategies, fc.array(health, { minLength: 1, maxLength: 6 }), (strategy, all) => {
      const targets = all.map((_, at) => target(String(at)))
      const planned = planTargets(
        [route(strategy, targets)],
        ({ model }) => all[Number(model)] as TargetHealth,
        seeded(1),
      ).map(({ target: { model } }) => model)
      assert.equal(new Set(planned).size, planned.length)
      assert.ok(planned.length * 2 >= targets.length)
    }),
  )
})
