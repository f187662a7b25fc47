import assert from 'node:assert/strict'
import test from 'node:test'
import { summarise } from './summary.ts'
import type { Role, Variant } from './variants.ts'
import { type Results, type Window, workloads } from './workloads.ts'

const quietServer = { pid: 0, logFile: '', ended: () => false }

function variant(role: Role): Variant {
  return { label: role, role, port: 0, headers: [], server: quietServer, pids: () => [] }
}

function windowOf(cost: number, latencyUs = 100): Window {
  const counts = { requests: 10, events: 0, open: 0, rps: 1, errors: 0, notOk: 0, rssKb: 0 }
  const times = { p50: latencyUs, p99: latencyUs, first50: latencyUs, first99: latencyUs }
  const samples = { latencies: [latencyUs], firstBytes: [latencyUs] }
  return { ...counts, ...times, ...samples, cpuUs: cost * 10, util: 1, cost }
}

function workload(id: string) {
  const found = workloads.find((each) => each.id === id)
  assert.ok(found)
  return found
}

test('ratios pair the windows of a round and leave out rounds a variant sat out', () => {
  const results: Results = new Map([
    [variant('base'), [windowOf(10), windowOf(100), windowOf(10)]],
    [variant('peer'), [windowOf(50), undefined, windowOf(70)]],
  ])
  const ratio = summarise(workload('json_1k'), results).rows['peer']?.overBase
  assert.deepEqual(ratio, { median: 6, ofMinima: 5, min: 5, max: 7, rounds: 2 })
})

test('a control that differs from its twin makes the workload noisy', () => {
  const isQuiet = (controlCost: number, rounds: number) => {
    const windows = (cost: number) => Array.from({ length: rounds }, () => windowOf(cost))
    const results: Results = new Map([
      [variant('base'), windows(10)],
      [variant('control'), windows(controlCost)],
    ])
    return summarise(workload('json_1k'), results).quiet
  }
  assert.equal(isQuiet(11, 2), true)
  assert.equal(isQuiet(12, 2), false)
  assert.equal(isQuiet(8, 2), false)
  assert.equal(isQuiet(11, 1), false, 'one round proves nothing')
})

test('added latency is what a proxy costs above the upstream alone', () => {
  const results: Results = new Map([
    [variant('direct'), [windowOf(1, 50), windowOf(1, 500)]],
    [variant('candidate'), [windowOf(1, 250), windowOf(1, 700)]],
  ])
  const { rows } = summarise(workload('rate_500'), results)
  assert.equal(rows['candidate']?.added?.p50Us, 200)
  assert.equal(rows['candidate']?.added?.p99Us, 200)
  assert.equal(rows['direct']?.added, null)
})
