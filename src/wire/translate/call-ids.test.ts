import assert from 'node:assert/strict'
import test from 'node:test'
import { CallIds } from './call-ids.ts'

test('an id that fits stays, and what does not fit is made to', () => {
  const ids = new CallIds(16)
  assert.equal(ids.add('call_1-a'), 'call_1-a')
  assert.equal(ids.add('functions.f:0'), 'functions_f_0')
  assert.equal(ids.add('x'.repeat(40)), 'x'.repeat(16))
  assert.equal(ids.add(''), 'call')
})

test('an id that comes again in a later turn gets another name, and its result with it', () => {
  const ids = new CallIds(64)
  ids.beginTurn()
  assert.equal(ids.add('0'), '0')
  assert.equal(ids.take('0'), '0')
  ids.beginTurn()
  assert.equal(ids.add('0'), '0_2')
  assert.equal(ids.take('0'), '0_2')
})

test('calls of one id in a turn get their results in their order', () => {
  const ids = new CallIds(64)
  const given = [ids.add(''), ids.add('')]
  assert.notEqual(given[0], given[1])
  assert.deepEqual([ids.take(''), ids.take('')], given)
})

test('what has no result yet is told once', () => {
  const ids = new CallIds(64)
  ids.add('a')
  ids.add('b')
  ids.take('a')
  assert.deepEqual(ids.takeRest(), ['b'])
  assert.deepEqual(ids.takeRest(), [])
})

test('names that are cut stay within the limit also where they are told apart', () => {
  const ids = new CallIds(64)
  const names = Array.from({ length: 12 }, () => ids.add('y'.repeat(100)))
  assert.equal(new Set(names).size, 12)
  assert.ok(names.every((name) => name.length <= 64))
})
