import assert from 'node:assert/strict'
import test from 'node:test'
import { readRetryAfter } from './retry-after.ts'

const now = Date.UTC(2026, 0, 1, 12)
const read = (headers: Record<string, string | readonly string[]>) => readRetryAfter(headers, now)
const inSeconds = (seconds: number) => new Date(now + seconds * 1000).toUTCString()

test('every form of the header is read, the exact ones first', () => {
  for (const [headers, ms] of [
    [{ 'retry-after': '3' }, 3000],
    [{ 'retry-after': '0.25' }, 250],
    [{ 'retry-after': ' 2 ' }, 2000],
    [{ 'retry-after-ms': '120' }, 120],
    [{ 'retry-after-ms': '120.4' }, 121],
    [{ 'x-ms-retry-after-ms': '90' }, 90],
    [{ 'retry-after-ms': '120', 'x-ms-retry-after-ms': '90', 'retry-after': '3' }, 120],
    [{ 'retry-after-ms': '0', 'retry-after': '1' }, 1000],
    [{ 'retry-after-ms': 'soon', 'retry-after': '1' }, 1000],
    [{ 'retry-after': inSeconds(90) }, 90_000],
    [{ 'retry-after': '86400' }, 86_400_000],
  ] as const)
    assert.equal(read(headers), ms, JSON.stringify(headers))
})

test("a date is measured by the provider's own clock where it tells it", () => {
  assert.equal(read({ 'retry-after': inSeconds(3600), date: inSeconds(3590) }), 10_000)
  assert.equal(read({ 'retry-after': inSeconds(30), date: 'nonsense' }), 30_000)
})

test('what is past, endless, negative or no time counts as not given', () => {
  for (const value of [
    '',
    '0',
    '-1',
    '86401',
    '1e3',
    '1e999',
    'NaN',
    'Infinity',
    'soon',
    '5 seconds',
    inSeconds(0),
    inSeconds(-5),
    inSeconds(86_401),
    '9'.repeat(400),
  ])
    assert.equal(read({ 'retry-after': value }), undefined, value)
  assert.equal(read({ 'retry-after': ['1', '2'] }), undefined)
  assert.equal(read({}), undefined)
})
