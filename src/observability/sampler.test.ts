import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createSampler } from './sampler.ts'
import { traceIdOf } from './trace-context.ts'

const ids = Array.from({ length: 4000 }, () => traceIdOf(randomUUID()))

test('a ratio keeps about that part of the traces, and the same ones everywhere', () => {
  const one = createSampler({ ratio: 0.25, parentBased: false })
  const other = createSampler({ ratio: 0.25, parentBased: false })
  const kept = ids.filter((id) => one(id, null))
  assert.deepEqual(
    ids.filter((id) => other(id, null)),
    kept,
  )
  // Six standard deviations.
  assert.ok(Math.abs(kept.length - 1000) < 165, `${kept.length} of 4000`)
  const more = createSampler({ ratio: 0.5, parentBased: false })
  assert.ok(kept.every((id) => more(id, null)))
})

test('all and none are exact', () => {
  for (const [ratio, kept] of [
    [1, ids.length],
    [0, 0],
  ] as const) {
    const sampler = createSampler({ ratio, parentBased: true })
    assert.equal(ids.filter((id) => sampler(id, null)).length, kept)
  }
})

test('what the caller decided holds where it is asked for', () => {
  const [id = ''] = ids
  const obedient = createSampler({ ratio: 0, parentBased: true })
  assert.deepEqual([obedient(id, true), obedient(id, false)], [true, false])
  const own = createSampler({ ratio: 1, parentBased: false })
  assert.deepEqual([own(id, true), own(id, false)], [true, true])
})
