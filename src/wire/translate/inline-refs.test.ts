import assert from 'node:assert/strict'
import test from 'node:test'
import { inlineRefs, resolveRef } from './inline-refs.ts'

const place = { type: 'object', properties: { x: { type: 'integer' } } }

test('references are replaced by what they refer to, and what stands beside them wins', () => {
  const schema = {
    type: 'object',
    properties: { a: { $ref: '#/$defs/P' }, b: { $ref: '#/$defs/P', description: 'there' } },
    $defs: { P: place },
  }
  assert.deepEqual(inlineRefs(schema), {
    schema: { type: 'object', properties: { a: place, b: { ...place, description: 'there' } } },
    isWhole: true,
  })
})

test('what refers to itself stays, with its definitions', () => {
  const $defs = { N: { type: 'object', properties: { next: { $ref: '#/$defs/N' } } } }
  const { schema, isWhole } = inlineRefs({ $ref: '#/$defs/N', $defs })
  assert.equal(isWhole, false)
  assert.deepEqual(schema, {
    type: 'object',
    properties: { next: { $ref: '#/$defs/N' } },
    $defs: { N: { type: 'object', properties: { next: $defs.N } } },
  })
})

test('a reference at the root that is to stay keeps what it refers to', () => {
  const schema = { $ref: '#/$defs/P', $defs: { P: place } }
  assert.deepEqual(inlineRefs(schema, () => true).schema, schema)
})

test('properties may be called like the words of schemas', () => {
  const schema = {
    properties: { enum: { $ref: '#/$defs/P' }, $ref: { type: 'string' } },
    enum: [{ $ref: '#/$defs/P' }],
    $defs: { P: place },
  }
  assert.deepEqual(inlineRefs(schema).schema, {
    properties: { enum: place, $ref: { type: 'string' } },
    enum: [{ $ref: '#/$defs/P' }],
  })
})

test('definitions that double with each step are left as they are, in no time', () => {
  const $defs: Record<string, object> = { D0: place }
  for (let step = 1; step <= 40; step++)
    $defs[`D${step}`] = {
      properties: { l: { $ref: `#/$defs/D${step - 1}` }, r: { $ref: `#/$defs/D${step - 1}` } },
    }
  const schema = { $ref: '#/$defs/D40', $defs }
  assert.equal(inlineRefs(schema).schema, schema)
})

test('what points nowhere is no reference', () => {
  for (const $ref of ['#/$defs/none', 'https://x.example/s.json', '#', '#/$defs/%E0%A4%A'])
    assert.deepEqual(resolveRef({ $ref }, { $defs: {} }), { $ref })
  assert.deepEqual(resolveRef({ $ref: '#/$defs/a~1b' }, { $defs: { 'a/b': place } }), place)
})
