import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDuration, parseRate, parseSize, parseWindow } from './units.ts'

test('durations of every unit become milliseconds', () => {
  const texts = ['250ms', '5s', '1m', '1h', '7d', '0s']
  assert.deepEqual(texts.map(parseDuration), [250, 5_000, 60_000, 3_600_000, 604_800_000, 0])
})

test('what is no duration is refused', () => {
  for (const text of ['', '5', '5 s', '-1s', '1.5s', '5sec', 's', '1h30m', '5S'])
    assert.throws(() => parseDuration(text), RangeError, text)
})

test('sizes are binary, and plain numbers are bytes', () => {
  assert.equal(parseSize('64KiB'), 65_536)
  assert.equal(parseSize('100MiB'), 104_857_600)
  assert.equal(parseSize('5GiB'), 5 * 2 ** 30)
  assert.equal(parseSize('512'), 512)
  assert.equal(parseSize(1024), 1024)
})

test('what is no size is refused', () => {
  for (const text of ['', '0', '0MiB', '5MB', '5 MiB', '-1', '1.5MiB'])
    assert.throws(() => parseSize(text), RangeError, text)
})

test('a rate is an amount per duration', () => {
  assert.deepEqual(parseRate('100/1m'), { amount: 100, windowMs: 60_000 })
  assert.deepEqual(parseRate('7/250ms'), { amount: 7, windowMs: 250 })
  for (const text of ['100', '100/m', '0/1m', '100/0s', '/1m', '1/2/3s'])
    assert.throws(() => parseRate(text), RangeError, text)
})

test('a window of the calendar is called by its name', () => {
  assert.deepEqual(parseRate('5/day'), { amount: 5, windowMs: 86_400_000, calendar: 'day' })
  assert.deepEqual(parseWindow('month'), { calendar: 'month' })
  assert.deepEqual(parseWindow('1d'), { periodMs: 86_400_000 })
  for (const text of ['1/year', '1/days', '0/day', 'day']) assert.throws(() => parseRate(text))
})
