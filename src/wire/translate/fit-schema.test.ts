import assert from 'node:assert/strict'
import test from 'node:test'
import { fitSchema } from './fit-schema.ts'

const closed = (properties: object) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})

test('a schema that can be said stays as it is, in its order', () => {
  const schema = {
    ...closed({
      list: { type: 'array', items: { $ref: '#/$defs/item' }, minItems: 1 },
      maybe: { anyOf: [{ type: 'string', format: 'date' }, { type: 'null' }] },
      kind: { enum: ['a', 'b'] },
    }),
    $defs: { item: closed({ code: { type: 'string', pattern: '^[a-z]+$' } }) },
  }
  assert.deepEqual(fitSchema(schema), { schema, exact: true })
  assert.equal(JSON.stringify(fitSchema(schema)?.schema), JSON.stringify(schema))
})

test('remarks go without changing what it allows', () => {
  const fitted = fitSchema({ $schema: 'https://json-schema.org/draft-07/schema#', ...closed({}) })
  assert.deepEqual(fitted, { schema: closed({}), exact: true })
})

test('rules about single values are told in words', () => {
  const age = { type: 'integer', minimum: 0, maximum: 150 }
  const name = { type: 'string', description: 'Her name.', maxLength: 9, pattern: '(?=x)' }
  assert.deepEqual(fitSchema(closed({ age, name })), {
    schema: closed({
      age: { type: 'integer', description: '(minimum: 0, maximum: 150)' },
      name: { type: 'string', description: 'Her name. (maxLength: 9, pattern: "(?=x)")' },
    }),
    exact: false,
  })
})

test('an object is closed, and one of several is any of them', () => {
  const schema = {
    type: 'object',
    properties: { it: { oneOf: [{ type: 'string' }, { type: 'number' }] } },
  }
  assert.deepEqual(fitSchema(schema), {
    schema: {
      type: 'object',
      properties: { it: { anyOf: [{ type: 'string' }, { type: 'number' }] } },
      additionalProperties: false,
    },
    exact: false,
  })
})

const tree = {
  ...closed({ root: { $ref: '#/$defs/node' } }),
  $defs: { node: closed({ next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } }) },
}
const unsayable: Readonly<Record<string, object>> = {
  recursion: tree,
  'recursion to the root': closed({ child: { $ref: '#' } }),
  'an address elsewhere': closed({ it: { $ref: 'https://schemas.example/it' } }),
  'an open object': { type: 'object', additionalProperties: true },
  'a map': closed({ counts: { type: 'object', additionalProperties: { type: 'number' } } }),
  'an object of which nothing is known': closed({ it: { type: 'object' } }),
  'a value of which nothing is known': closed({ it: {} }),
  'a condition': { ...closed({}), if: {}, else: {} },
  'a tuple': closed({ pair: { type: 'array', prefixItems: [{ type: 'string' }] } }),
  'true in the place of a schema': closed({ it: true }),
}
for (const [name, schema] of Object.entries(unsayable))
  test(`${name} cannot be said`, () => {
    assert.equal(fitSchema({ ...schema }), null)
  })

test('a definition that is used twice is no recursion', () => {
  const schema = {
    ...closed({ a: { $ref: '#/$defs/x' }, b: { $ref: '#/$defs/x' } }),
    $defs: { x: { type: 'string' } },
  }
  assert.equal(fitSchema(schema)?.exact, true)
})
