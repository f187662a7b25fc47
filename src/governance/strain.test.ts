import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StrainGauge } from './strain.ts'

const calm = { memory: 0.2, loopDelayMs: 21 }

test('memory refuses more the nearer it comes to its end', () => {
  const gauge = new StrainGauge()
  const at = (memory: number): number => {
    gauge.look({ ...calm, memory })
    return gauge.level
  }
  assert.deepEqual([0.2, 0.849, 0.85, 0.92, 0.95, 1].map(at), [0, 0, 1, 2, 3, 3])
})

test('a level is left only once memory has fallen clearly below it', () => {
  const gauge = new StrainGauge()
  const at = (memory: number): number => {
    gauge.look({ ...calm, memory })
    return gauge.level
  }
  assert.deepEqual([0.96, 0.94, 0.921, 0.91, 0.84, 0.81].map(at), [3, 3, 3, 2, 1, 0])
})

test('a loop that stays late for a second is overload, one long pause is not', () => {
  const gauge = new StrainGauge()
  gauge.look({ ...calm, loopDelayMs: 5000 })
  assert.equal(gauge.level, 0)
  gauge.look(calm)
  for (let n = 0; n < 3; n++) gauge.look({ ...calm, loopDelayMs: 120 })
  assert.equal(gauge.level, 0)
  gauge.look({ ...calm, loopDelayMs: 120 })
  assert.equal(gauge.level, 1)
  for (let n = 0; n < 4; n++) gauge.look({ ...calm, loopDelayMs: 300 })
  assert.equal(gauge.level, 3)
  gauge.look(calm)
  assert.equal(gauge.level, 0)
})
