import assert from 'node:assert/strict'
import test from 'node:test'
import { windowOf } from './window.ts'

const iso = (window: Parameters<typeof windowOf>[0], at: string): string[] => {
  const { startAt, endAt } = windowOf(window, Date.parse(at))
  return [new Date(startAt).toISOString(), new Date(endAt).toISOString()]
}

test('windows of the calendar begin where people expect, in UTC', () => {
  const at = '2026-11-24T15:30:45.678Z'
  const from = (window: Parameters<typeof windowOf>[0]) => iso(window, at)
  assert.deepEqual(from({ calendar: 'minute' }), [
    '2026-11-24T15:30:00.000Z',
    '2026-11-24T15:31:00.000Z',
  ])
  assert.deepEqual(from({ calendar: 'hour' }), [
    '2026-11-24T15:00:00.000Z',
    '2026-11-24T16:00:00.000Z',
  ])
  assert.deepEqual(from({ calendar: 'day' }), [
    '2026-11-24T00:00:00.000Z',
    '2026-11-25T00:00:00.000Z',
  ])
  assert.deepEqual(from({ calendar: 'week' }), [
    '2026-11-23T00:00:00.000Z',
    '2026-11-30T00:00:00.000Z',
  ])
  assert.deepEqual(from({ calendar: 'month' }), [
    '2026-11-01T00:00:00.000Z',
    '2026-12-01T00:00:00.000Z',
  ])
})

test('every moment is in one window, which the moment before its end shares and its end does not', () => {
  for (const window of [
    { periodMs: 7_000 },
    { calendar: 'month' as const },
    { calendar: 'week' as const },
  ])
    for (const at of [
      0,
      1,
      1_790_000_000_123,
      Date.UTC(2028, 1, 29),
      Date.UTC(2026, 11, 31, 23, 59, 59, 999),
    ]) {
      const { startAt, endAt } = windowOf(window, at)
      assert.ok(startAt <= at && at < endAt)
      assert.deepEqual(windowOf(window, endAt - 1), { startAt, endAt })
      assert.equal(windowOf(window, endAt).startAt, endAt)
    }
})
