import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Breaker } from './breaker.ts'

const even = 0.5

function opened(atMs = 0): Breaker {
  const breaker = new Breaker()
  for (let n = 0; n < 5; n++) breaker.fail(atMs, even)
  return breaker
}

test('it opens on the fifth failure in a row, not on the fourth', () => {
  const breaker = new Breaker()
  for (let n = 0; n < 4; n++) breaker.fail(0, even)
  assert.equal(breaker.state(0), 'closed')
  breaker.fail(0, even)
  assert.equal(breaker.state(0), 'open')
  assert.equal(breaker.admits(0), false)
})

test('a success in between begins the count anew', () => {
  const breaker = new Breaker()
  for (let n = 0; n < 12; n++) {
    if (n % 4 === 3) breaker.succeed(0)
    else breaker.fail(0, even)
  }
  assert.equal(breaker.state(0), 'closed')
})

test('half of twenty within thirty seconds open it, however they are spread', () => {
  const breaker = new Breaker()
  for (let n = 0; n < 19; n++) {
    if (n % 2) breaker.succeed(n * 1000)
    else breaker.fail(n * 1000, even)
  }
  assert.equal(breaker.state(19_000), 'closed')
  breaker.fail(19_000, even)
  assert.equal(breaker.state(19_000), 'open')
})

test('what is longer ago than thirty seconds does not count', () => {
  const breaker = new Breaker()
  for (let n = 0; n < 9; n++) {
    breaker.fail(n, even)
    if (n % 4 === 3) breaker.succeed(n)
  }
  for (let n = 0; n < 18; n++) breaker.succeed(60_000)
  for (let n = 0; n < 4; n++) breaker.fail(60_000, even)
  assert.equal(breaker.state(60_000), 'closed')
})

test('its time grows with each ejection, with a little chance, up to five minutes', () => {
  const breaker = opened()
  assert.equal(breaker.openUntilMs, 30_000)
  breaker.begin(30_000)
  breaker.fail(30_000, even)
  assert.equal(breaker.openUntilMs, 90_000)
  for (let n = 0; n < 20; n++) breaker.fail(breaker.openUntilMs ?? 0, even)
  const before = breaker.openUntilMs ?? 0
  breaker.fail(before, even)
  assert.equal((breaker.openUntilMs ?? 0) - before, 300_000)
  const early = new Breaker()
  for (let n = 0; n < 5; n++) early.fail(0, 0)
  assert.equal(early.openUntilMs, 27_000)
})

test('afterwards one call at a time is let through, and two that pass close it', () => {
  const breaker = opened()
  assert.equal(breaker.state(30_000), 'half-open')
  assert.equal(breaker.admits(30_000), true)
  breaker.begin(30_000)
  assert.equal(breaker.admits(30_000), false)
  breaker.succeed(30_100)
  assert.equal(breaker.state(30_100), 'half-open')
  breaker.begin(30_100)
  breaker.succeed(30_200)
  assert.equal(breaker.state(30_200), 'closed')
})

test('a call that says nothing lets the next one through', () => {
  const breaker = opened()
  breaker.begin(30_000)
  breaker.forget(30_000)
  assert.equal(breaker.admits(30_000), true)
})

test('answers to calls begun before it opened neither close it nor prolong it', () => {
  const breaker = opened()
  breaker.succeed(10)
  breaker.succeed(20)
  breaker.fail(30, even)
  assert.equal(breaker.openUntilMs, 30_000)
  assert.equal(breaker.ejections, 1)
})

test('what has come back gets its weight over thirty seconds', () => {
  const breaker = opened()
  assert.equal(new Breaker().share(0), 1)
  for (const at of [30_000, 30_000]) {
    breaker.begin(at)
    breaker.succeed(at)
  }
  assert.equal(breaker.share(30_000), 0.1)
  assert.equal(breaker.share(45_000), 0.5)
  assert.equal(breaker.share(61_000), 1)
})
