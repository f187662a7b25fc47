import assert from 'node:assert/strict'
import test from 'node:test'
import { objectSchemaOf } from './object-schema.ts'

const empty = { type: 'object', properties: {} }
const text = { type: 'string' }
const form = (name: string, more: object = {}) => ({
  type: 'object',
  properties: { [name]: text, kind: { const: name } },
  required: [name, 'kind'],
  ...more,
})

test('a tool that takes nothing takes an empty object', () => {
  for (const parameters of [null, {}])
    assert.deepEqual(objectSchemaOf(parameters), { schema: empty, loosened: null })
})

test('a schema of an object stays the very same', () => {
  const schema = form('a')
  assert.equal(objectSchemaOf(schema).schema, schema)
})

test('a type that is missing, or may be null as well, is an object', () => {
  const properties = { a: text }
  for (const type of [undefined, ['object', 'null']])
    assert.deepEqual(objectSchemaOf({ type, properties }).schema, { type: 'object', properties })
})

test('a reference at the root is what it refers to', () => {
  const schema = { $ref: '#/$defs/N', $defs: { N: form('a') } }
  assert.deepEqual(objectSchemaOf(schema).schema, { ...form('a'), $defs: schema.$defs })
})

test('of alternatives at the root all properties are known, and only what all want must be given', () => {
  const { schema, loosened } = objectSchemaOf({ oneOf: [form('a'), form('b')] })
  assert.equal(loosened, 'oneOf')
  assert.deepEqual(schema, {
    type: 'object',
    properties: { a: text, kind: { const: 'a' }, b: text },
    required: ['kind'],
  })
  const all = objectSchemaOf({ properties: { c: text }, allOf: [form('a'), form('b')] }).schema
  assert.deepEqual(Object.keys(all['properties'] as object), ['c', 'a', 'kind', 'b'])
  assert.deepEqual(all['required'], ['a', 'kind', 'b'])
})
