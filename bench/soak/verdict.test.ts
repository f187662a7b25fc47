import assert from 'node:assert/strict'
import test from 'node:test'
import { judgeFlat, type Sample } from './verdict.ts'

const mib = 2 ** 20

function samplesOf(change: (done: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: 40 }, (_, i) => ({
    requests: (i + 1) * 25,
    heapBytes: 30 * mib,
    externalBytes: 4 * mib,
    residentBytes: 120 * mib,
    fds: 60,
    sockets: 40,
    ...change((i + 1) / 40),
  }))
}

function notFlat(samples: readonly Sample[]): string[] {
  return judgeFlat(samples, 1000)
    .filter((trend) => !trend.flat)
    .map((trend) => trend.figure)
}

test('figures that stay where they were are flat', () => {
  assert.deepEqual(notFlat(samplesOf(() => ({}))), [])
})

test('a heap that grows with the calls is not flat', () => {
  assert.deepEqual(notFlat(samplesOf((done) => ({ heapBytes: (30 + 20 * done) * mib }))), [
    'heapBytes',
  ])
})

test('descriptors and sockets that are never closed are not flat', () => {
  const leaking = samplesOf((done) => ({ fds: 60 + 500 * done, sockets: 40 + 500 * done }))
  assert.deepEqual(notFlat(leaking), ['fds', 'sockets'])
})

test('growth while everything warms up, and a single outlier, do not count', () => {
  const samples = samplesOf((done) => ({
    heapBytes: (done <= 0.1 ? 10 : done === 0.95 ? 90 : 30) * mib,
  }))
  assert.deepEqual(notFlat(samples), [])
})

test('without samples of the last tenth there is no verdict', () => {
  assert.throws(() => judgeFlat(samplesOf(() => ({})).slice(0, 30), 1000), /too few samples/)
})
