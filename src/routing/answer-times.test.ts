import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AnswerTimes } from './answer-times.ts'

const minute = 60_000

function noted(list: readonly number[], nowMs = 0): AnswerTimes {
  const times = new AnswerTimes()
  for (const each of list) times.note(each, nowMs)
  return times
}

/** Within the twentieth by which bounds differ. */
function near(found: number | null, expected: number): void {
  assert.ok(found !== null && found >= expected && found <= expected * 1.06, `${found}`)
}

test('what is late is not told from fewer than fifty answers', () => {
  const times = noted(Array.from({ length: 49 }, () => 100))
  assert.equal(times.p95(0), null)
  times.note(100, 0)
  near(times.p95(0), 100)
})

test('one in twenty may be later than the time that is told', () => {
  near(noted(Array.from({ length: 1000 }, (_, i) => i + 1)).p95(0), 950)
  const few = noted([...Array.from({ length: 95 }, () => 40), ...[9000, 9000, 9000, 9000, 9000]])
  near(few.p95(0), 40)
  few.note(9000, 0)
  near(few.p95(0), 9000)
})

test('times out of any range are still counted', () => {
  const times = noted(Array.from({ length: 50 }, () => 0))
  assert.equal(times.p95(0), 1)
  for (let i = 0; i < 50; i++) times.note(1e12, 0)
  assert.ok((times.p95(0) ?? 0) > 3_600_000)
})

test('what is older than five minutes is forgotten, slice by slice', () => {
  const times = noted(Array.from({ length: 50 }, () => 100))
  for (let i = 0; i < 50; i++) times.note(7000, 3 * minute)
  near(times.p95(4.9 * minute), 7000)
  assert.equal(times.count(4.9 * minute), 100)
  assert.equal(times.count(5 * minute), 50)
  assert.equal(times.count(7.9 * minute), 50)
  assert.equal(times.count(8 * minute), 0)
  assert.equal(times.p95(8 * minute), null)
})

test('after hours of silence nothing old is left, and the new counts', () => {
  const times = noted(Array.from({ length: 60 }, () => 100))
  for (let i = 0; i < 50; i++) times.note(20, 500 * minute)
  assert.equal(times.count(500 * minute), 50)
  near(times.p95(500 * minute), 20)
})
