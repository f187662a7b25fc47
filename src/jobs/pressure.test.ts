import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GatewayError } from '../core/errors.ts'
import { Pressure } from './pressure.ts'

const refused = new GatewayError('upstream_rate_limited', 'slow down')

test('as many as configured while all is well, and as the configuration changes', () => {
  let most = 10
  const pressure = new Pressure(() => most)
  assert.equal(pressure.limit, 10)
  most = 4
  assert.equal(pressure.limit, 4)
})

test('refusals lower it once a second, down to one', () => {
  const pressure = new Pressure(() => 10)
  for (let n = 0; n < 5; n++) pressure.note(refused, 0)
  assert.equal(pressure.limit, 8)
  for (let second = 1; second < 30; second++) pressure.note(refused, second * 1000)
  assert.equal(pressure.limit, 1)
})

test('successes bring it back to the most and not beyond', () => {
  const pressure = new Pressure(() => 10)
  pressure.note(refused, 0)
  for (let n = 0; n < 9; n++) pressure.note(null, 0)
  assert.equal(pressure.limit, 9)
  for (let n = 0; n < 100; n++) pressure.note(null, 0)
  assert.equal(pressure.limit, 10)
})

test('a request that is wrong says nothing about the load', () => {
  const pressure = new Pressure(() => 10)
  pressure.note(new GatewayError('upstream_rejected', 'no such model'), 0)
  pressure.note(new GatewayError('upstream_error', 'broken', { status: 500 }), 0)
  assert.equal(pressure.limit, 10)
  pressure.note(new GatewayError('upstream_error', 'full', { status: 503 }), 0)
  assert.equal(pressure.limit, 8)
})

test('a raised maximum holds at once, and a lowered one bounds what refusals leave', () => {
  let most = 4
  const pressure = new Pressure(() => most)
  for (let n = 0; n < 10; n++) pressure.note(null, 0)
  most = 64
  assert.equal(pressure.limit, 64)
  pressure.note(refused, 0)
  assert.equal(pressure.limit, 51)
  for (let n = 0; n < 2000; n++) pressure.note(null, 0)
  most = 128
  assert.equal(pressure.limit, 128)
})
