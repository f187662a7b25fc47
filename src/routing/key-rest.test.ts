import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyRest } from './key-rest.ts'

test('a rate limit rests every key of its quota, for as long as the provider says', () => {
  const rest = new KeyRest()
  rest.cool('shared', 2500, 0)
  for (const key of ['a', 'b'])
    assert.deepEqual(rest.of(key, 'shared', 2499), {
      why: 'cooling',
      untilMs: 2500,
      explicit: true,
    })
  assert.equal(rest.of('c', 'own', 0), null)
  assert.equal(rest.of('a', 'shared', 2500), null)
})

test('an hour is cut to ten minutes, and a shorter word does not end a longer one', () => {
  const rest = new KeyRest()
  rest.cool('g', 3600_000, 0)
  rest.cool('g', 1000, 0)
  assert.equal(rest.of('a', 'g', 0)?.untilMs, 600_000)
})

test('without a word it rests a second, then twice as long each time, up to a minute', () => {
  const rest = new KeyRest()
  let now = 0
  const rests: number[] = []
  for (let n = 0; n < 8; n++) {
    rest.cool('g', undefined, now)
    const until = rest.of('a', 'g', now)?.untilMs ?? 0
    rests.push(until - now)
    now = until
  }
  assert.deepEqual(rests, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
})

test('ten calls that are refused at once are one refusal', () => {
  const rest = new KeyRest()
  for (let n = 0; n < 10; n++) rest.refuse('a', n)
  assert.deepEqual(rest.of('a', 'g', 20), { why: 'refused', untilMs: 300_000, explicit: false })
  rest.refuse('a', 300_000)
  assert.equal(rest.of('a', 'g', 300_000)?.untilMs, 900_000)
})

test('a refused key does not take those of its quota along', () => {
  const rest = new KeyRest()
  rest.refuse('a', 0)
  assert.equal(rest.of('b', 'g', 0), null)
})

test('a success forgets how often it failed', () => {
  const rest = new KeyRest()
  rest.cool('g', undefined, 0)
  rest.cool('g', undefined, 1000)
  rest.clear('a', 'g', 1000)
  rest.cool('g', undefined, 5000)
  assert.equal(rest.of('a', 'g', 5000)?.untilMs, 6000)
})
