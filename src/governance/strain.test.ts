import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Commands, StrainGauge } from './strain.ts'

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

test('descriptors and connections count at once, between two looks', () => {
  const filling = { descriptors: 0, connections: 0 }
  const gauge = new StrainGauge({
    descriptors: () => filling.descriptors,
    connections: () => filling.connections,
  })
  const levels = [0.79, 0.8, 0.85, 0.9, 1, 0].map((descriptors) => {
    filling.descriptors = descriptors
    return gauge.level
  })
  assert.deepEqual(levels, [0, 1, 2, 3, 3, 0])
  assert.equal(gauge.sign, null)
  filling.connections = 1
  assert.equal(gauge.level, 0)
  filling.connections = 1.01
  assert.deepEqual([gauge.level, gauge.sign], [3, 'connections'])
})

test('a command of the store that waits for three seconds holds up what can wait, and no more', () => {
  let commands: Commands = { oldest: null, newest: 0 }
  const gauge = new StrainGauge({ commands: () => commands })
  const look = (oldest: number | null, newest: number, times = 1): number => {
    commands = { oldest, newest }
    for (let n = 0; n < times; n++) gauge.look(calm)
    return gauge.level
  }
  // Commands come and are answered as they should be.
  for (let number = 1; number < 100; number++) assert.equal(look(number, number + 3), 0)
  assert.equal(look(200, 200, 12), 0)
  assert.equal(look(200, 210), 1)
  assert.equal(gauge.sign, 'store')
  assert.equal(look(200, 220, 1000), 1)
  // That it has been answered is seen at once, not at the next look.
  commands = { oldest: null, newest: 220 }
  assert.equal(gauge.level, 0)
  // The one that was stuck is over, and those behind it have waited as long.
  assert.equal(look(210, 220), 1)
  assert.equal(look(221, 230), 0)
  assert.equal(look(null, 230), 0)
  assert.equal(look(null, 230, 20), 0)
})

test('the sign that speaks loudest is the one that is told', () => {
  const gauge = new StrainGauge({ descriptors: () => 0.81, connections: () => 0 })
  gauge.look({ ...calm, memory: 0.93 })
  assert.deepEqual([gauge.level, gauge.sign], [2, 'memory'])
  assert.deepEqual([gauge.of('memory'), gauge.of('descriptors'), gauge.of('store')], [2, 1, 0])
})
