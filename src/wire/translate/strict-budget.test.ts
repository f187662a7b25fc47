import assert from 'node:assert/strict'
import test from 'node:test'
import { StrictBudget } from './strict-budget.ts'

const withProperties = (count: number, property: object, isRequired: boolean) => {
  const names = Array.from({ length: count }, (_, at) => `p${at}`)
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, property])),
    required: isRequired ? names : [],
    additionalProperties: false,
  }
}
const text = { type: 'string' }

test('twenty schemas are held to, and no more', () => {
  const budget = new StrictBudget()
  const taken = Array.from({ length: 21 }, () => budget.take(withProperties(1, text, true)))
  assert.deepEqual(taken, [...Array(20).fill(true), false])
})

test('properties that may be left out are counted over all schemas', () => {
  const budget = new StrictBudget()
  assert.equal(budget.take(withProperties(20, text, false)), true)
  assert.equal(budget.take(withProperties(5, text, false)), false)
  assert.equal(budget.take(withProperties(4, text, false)), true)
})

test('places of several kinds are counted wherever they stand', () => {
  const either = { anyOf: [text, { type: 'null' }] }
  const orNull = { type: ['string', 'null'] }
  const budget = new StrictBudget()
  assert.equal(budget.take(withProperties(17, orNull, true)), false)
  const nested = {
    type: 'array',
    items: { $ref: '#/$defs/x' },
    $defs: { x: withProperties(16, either, true) },
  }
  assert.equal(budget.take(nested), true)
  assert.equal(budget.take(withProperties(1, orNull, true)), false)
})
