import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, providerOf } from '../../tests/faults/upstream/provider-fixture.ts'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import type { ProviderKeyConfig } from '../config/config.ts'
import { Health, type Way } from '../routing/health.ts'
import { chooseKey, usableKeys } from './choose-key.ts'

const clock = new ManualClock(0)
const provider = providerOf()
const keys = [keyOf('a', 'x', 3), keyOf('b', 'x', 1), keyOf('c', 'x', 0)]
const wayOf = (key: string): Way => ({ provider: provider.name, model: 'm', key, quotaGroup: key })

function choose(
  health: Health,
  given: readonly ProviderKeyConfig[] = keys,
  tried: readonly string[] = [],
  chance = 0.5,
): string {
  const question = {
    provider,
    model: 'm',
    keys: given,
    tried: new Set(tried),
    nowMs: clock.monotonic(),
  }
  const chosen = chooseKey(question, health, () => chance)
  return chosen.kind === 'key' ? (chosen.key?.name ?? 'without') : chosen.kind
}
const healthy = (): Health => new Health(clock, () => 0.5)

test('keys are drawn by weight, and one that weighs nothing only when no other is left', () => {
  const counts: Record<string, number> = { a: 0, b: 0, c: 0 }
  let state = 7
  const question = { provider, model: 'm', keys, tried: new Set<string>(), nowMs: 0 }
  for (let n = 0; n < 8000; n++) {
    const chosen = chooseKey(question, healthy(), () => {
      state = (state * 1664525 + 1013904223) % 2 ** 32
      return state / 2 ** 32
    })
    const name = chosen.kind === 'key' ? (chosen.key?.name ?? '') : ''
    counts[name] = (counts[name] ?? 0) + 1
  }
  assert.equal(counts['c'], 0)
  assert.ok(Math.abs((counts['a'] ?? 0) / 8000 - 0.75) < 0.03, JSON.stringify(counts))
  assert.equal(choose(healthy(), keys, ['a', 'b']), 'c')
})

test('a key that was tried is not chosen again, nor one that rests', () => {
  const health = healthy()
  health.refused(wayOf('a'), 0)
  assert.equal(choose(health), 'b')
  assert.equal(choose(health, keys, ['b', 'c']), 'none')
  assert.equal(choose(health, keys, ['a', 'b', 'c']), 'none')
})

test('where all rest the first back is used, unless the provider said how long with each', () => {
  const health = healthy()
  const two = keys.slice(0, 2)
  health.limited(wayOf('a'), 0, 9000)
  health.limited(wayOf('b'), 0, undefined)
  assert.equal(choose(health, two), 'b')
  health.limited(wayOf('b'), 0, 4000)
  assert.equal(choose(health, two), 'cooling')
})

test('a key that keeps failing is left out while others are well', () => {
  const health = healthy()
  const two = keys.slice(0, 2)
  for (let n = 0; n < 5; n++) health.failed(wayOf('a'), 0)
  assert.equal(choose(health, two), 'b')
  for (let n = 0; n < 5; n++) health.failed(wayOf('b'), 0)
  assert.equal(choose(health, two), 'a')
  assert.equal(choose(health, two.slice(0, 1)), 'a')
})

test('a provider without keys is asked without one', () => {
  const question = { provider, model: 'm', keys: null, tried: new Set<string>(), nowMs: 0 }
  assert.deepEqual(
    chooseKey(question, healthy(), () => 0),
    { kind: 'key', key: null },
  )
  const tried = { ...question, tried: new Set(['']) }
  assert.deepEqual(
    chooseKey(tried, healthy(), () => 0),
    { kind: 'none' },
  )
})

test('a pinned key is the only one, and must serve the model', () => {
  const pooled = providerOf({ keys: [keyOf('a'), { ...keyOf('b'), models: ['other'] }] })
  assert.deepEqual(
    usableKeys(pooled, 'm', { pinnedKey: 'a' })?.map(({ name }) => name),
    ['a'],
  )
  assert.throws(() => usableKeys(pooled, 'm', { pinnedKey: 'b' }), { code: 'invalid_request' })
  assert.throws(
    () =>
      usableKeys(providerOf({ keys: [{ ...keyOf('b'), models: ['other'] }] }), 'm', {
        pinnedKey: null,
      }),
    {
      code: 'model_not_found',
    },
  )
})

test('a caller that may be served with some keys only never gets another one', () => {
  const pooled = providerOf({ keys: [keyOf('a'), keyOf('b')] })
  const names = (allowedKeys: readonly string[]) =>
    usableKeys(pooled, 'm', { pinnedKey: null, allowedKeys })?.map(({ name }) => name)
  assert.deepEqual(names([`${pooled.name}/b`, 'other/a']), ['b'])
  assert.throws(() => names(['other/a']), { code: 'model_not_found' })
  assert.throws(() =>
    usableKeys(pooled, 'm', { pinnedKey: 'a', allowedKeys: [`${pooled.name}/b`] }),
  )
})
