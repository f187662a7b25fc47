import assert from 'node:assert/strict'
import { test } from 'node:test'
import Value from 'typebox/value'
import { fc } from '../../../tests/support/properties.ts'
import { durationPattern, ratePattern, windowPattern } from '../../config/units.ts'
import { GatewayError } from '../../core/errors.ts'
import { adminOperations } from '../admin-contract.ts'
import { checkFields, readQuery } from './check-fields.ts'
import { listVirtualKeys } from './contract-keys.ts'
import { patterns } from './contract-leaf.ts'
import { getUsage } from './contract-money.ts'

const refusal = (check: () => unknown): GatewayError | null => {
  try {
    check()
    return null
  } catch (thrown) {
    assert.ok(thrown instanceof GatewayError, String(thrown))
    return thrown
  }
}

test('patterns are those of the configuration file', () => {
  assert.equal(patterns.window, windowPattern)
  assert.equal(patterns.rate, ratePattern)
  assert.equal(patterns.duration, durationPattern)
})

test('every example is taken, and an unknown field beside it is not', () => {
  for (const { body, example, id } of adminOperations) {
    if (!body) continue
    assert.equal(
      refusal(() => checkFields(body, example)),
      null,
      id,
    )
    const more = refusal(() => checkFields(body, { ...example, surprise: 1 }))
    assert.equal(more?.facts.param, 'surprise', id)
    assert.ok(
      refusal(() => checkFields(body, {})),
      id,
    )
  }
})

test('what is taken fits the published schema, whatever it is', () => {
  const leaf = fc.oneof(
    fc.constantFrom('1/1m', '1d', 'x', '2027-01-01T00:00:00Z', '50.00', null, true, 0, 1, -1, 1.5),
    fc.jsonValue({ maxDepth: 2 }),
  )
  for (const { body, id } of adminOperations) {
    if (!body) continue
    const names = Object.keys((body as { properties?: object }).properties ?? {})
    const object = fc.dictionary(fc.constantFrom(...names), leaf)
    fc.assert(
      fc.property(object, (value) => {
        const isTaken = refusal(() => checkFields(body, value)) === null
        // The other way round ours is stricter: characters that a store cannot keep, days that are none.
        if (isTaken) assert.ok(Value.Check(body, value), `${id}: ${JSON.stringify(value)}`)
      }),
      { numRuns: 100 },
    )
  }
})

test('numbers and booleans of an address are read from their words', () => {
  const query = (given: object) => readQuery(listVirtualKeys.query, given)
  assert.deepEqual(query({ limit: '20', enabled: 'false', search: '7' }), {
    limit: 20,
    enabled: false,
    search: '7',
  })
  for (const [given, param] of [
    [{ limit: '2e1' }, 'limit'],
    [{ limit: '-1' }, 'limit'],
    [{ limit: ['1', '2'] }, 'limit'],
    [{ enabled: 'yes' }, 'enabled'],
    [{ search: '' }, 'search'],
    [{ __proto__x: '1' }, '__proto__x'],
  ] as const)
    assert.equal(refusal(() => query(given))?.facts.param, param)
  assert.deepEqual(readQuery(getUsage.query, { key: 'a', model: ['b', 'c'] }), {
    key: ['a'],
    model: ['b', 'c'],
  })
})

test('a refusal names the field and never its value', () => {
  const { body } = adminOperations.find(({ id }) => id === 'login') ?? {}
  assert.ok(body)
  const found = refusal(() => checkFields(body, { username: 'a', password: ['canary'] }))
  assert.equal(found?.facts.param, 'password')
  assert.doesNotMatch(found?.message ?? '', /canary/)
})
