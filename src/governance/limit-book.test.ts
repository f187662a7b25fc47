import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import type { Limits, Scope, ScopeKind } from '../core/allowance.ts'
import { GatewayError } from '../core/errors.ts'
import { LimitBook } from './limit-book.ts'

const minute = 60_000
const none: Limits = { requests: null, tokens: null, concurrency: null }
const scope = (kind: ScopeKind, limits: Partial<Limits>, id = kind): Scope => ({
  kind,
  id,
  name: `my ${kind}`,
  limits: { ...none, ...limits },
  budget: null,
})
const requests = (amount: number) => ({ requests: { amount, windowMs: minute } })
const tokens = (amount: number) => ({ tokens: { amount, windowMs: minute } })

function open() {
  const clock = new ManualClock()
  return { clock, book: new LimitBook(clock) }
}

function count(book: LimitBook, scopes: readonly Scope[], calls: number, cost = 1): number {
  let let_ = 0
  for (let call = 0; call < calls; call++)
    try {
      book.take(scopes, cost)
      let_++
    } catch (thrown) {
      assert.ok(thrown instanceof GatewayError)
    }
  return let_
}

test('of ten times the limit exactly the limit comes through', () => {
  for (const limit of [1, 10, 100]) {
    const { book } = open()
    assert.equal(count(book, [scope('key', requests(limit))], 10 * limit), limit)
  }
})

test('a level that is full charges nothing at the levels that are not', () => {
  const { book } = open()
  const [key, team] = [scope('key', requests(100)), scope('team', requests(3))]
  assert.equal(count(book, [key, team], 50), 3)
  assert.equal(book.shown([key]).requests?.remaining, 97)
  assert.equal(book.running(key), 3)
})

test('a refusal names who is limited, how, and when the next call fits', () => {
  const { book } = open()
  const [key, team] = [scope('key', requests(60)), scope('team', requests(6))]
  count(book, [key, team], 6)
  assert.throws(
    () => book.take([key, team], 1),
    ({ code, message, facts, status }: GatewayError) =>
      code === 'rate_limit_exceeded' &&
      status === 429 &&
      /The team "my team" may make 6 calls per 60 s.*in 10 s/.test(message) &&
      facts.retryAfterMs === 10_000,
  )
})

test('slots come back once, whatever is called how often', () => {
  const { book } = open()
  const key = scope('key', { concurrency: 2 })
  const first = book.take([key], 1)
  book.take([key], 1)
  assert.throws(() => book.take([key], 1), { code: 'concurrency_exceeded' })
  first.release(1)
  first.release(1)
  first.undo()
  assert.equal(book.running(key), 1)
})

test('tokens are counted by the estimate first and by the truth in the end', () => {
  const { book } = open()
  const key = scope('key', tokens(1000))
  const grant = book.take([key], 800)
  assert.throws(() => book.take([key], 800), { code: 'token_limit_exceeded', type: 'tokens' })
  grant.release(100)
  assert.equal(book.shown([key]).tokens?.remaining, 900)
  book.take([key], 800).release(null)
  assert.equal(book.shown([key]).tokens?.remaining, 900)
})

test('more tokens than were thought of are a debt that later calls wait for', async () => {
  const { book, clock } = open()
  const key = scope('key', tokens(600))
  book.take([key], 10).release(1200)
  assert.throws(() => book.take([key], 10), { code: 'token_limit_exceeded' })
  await clock.advance(minute)
  assert.throws(() => book.take([key], 10), { code: 'token_limit_exceeded' })
  await clock.advance(2000)
  book.take([key], 10)
})

test('a call larger than the whole limit may go when all of it is there', () => {
  const { book } = open()
  const key = scope('key', tokens(1000))
  book.take([key], 50_000).release(900)
  assert.throws(() => book.take([key], 50_000), { code: 'token_limit_exceeded' })
})

test('what a later check refused is as if it had never been', () => {
  const { book } = open()
  const key = scope('key', { ...requests(1), ...tokens(10), concurrency: 1 })
  book.take([key], 10).undo()
  book.take([key], 10)
})

test('a limit that was changed is counted anew, one that was not goes on, and who runs is still counted', () => {
  const { book } = open()
  const before = scope('key', { ...requests(2), ...tokens(100), concurrency: 5 })
  const grant = book.take([before], 60)
  const after = scope('key', { ...requests(50), ...tokens(100), concurrency: 5 })
  assert.deepEqual(
    [book.shown([after]).requests?.remaining, book.shown([after]).tokens?.remaining],
    [50, 40],
  )
  assert.equal(book.running(after), 1)
  grant.release(0)
  assert.equal(book.running(after), 0)
  book.keep([])
  assert.equal(book.shown([after]).tokens?.remaining, 100)
})

test('without limits nothing is counted at all', () => {
  const { book } = open()
  book.take([{ ...scope('key', {}), limits: null }], 1).release(5)
  assert.deepEqual(book.shown([]), { requests: null, tokens: null })
})
