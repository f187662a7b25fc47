import assert from 'node:assert/strict'
import test from 'node:test'
import { Compile } from 'typebox/compile'
import { fc } from '../../tests/support/properties.ts'
import { valueForSchema } from './demo-value.ts'

type Schema = Record<string, unknown>

function assertSatisfies(schema: object) {
  const value = valueForSchema(schema)
  assert.ok(
    Compile(schema).Check(bare(value)),
    `${JSON.stringify(value)} does not satisfy ${JSON.stringify(schema)}`,
  )
}

/** The same without prototypes: the checker takes `toString` for a member of every object, and JSON knows no such thing. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare)
  if (typeof value !== 'object' || value === null) return value
  const copy = Object.create(null) as Record<string, unknown>
  for (const [name, part] of Object.entries(value)) copy[name] = bare(part)
  return copy
}

const bounds = (low: string, high: string, lowest: number, highest: number) =>
  fc.option(
    fc
      .tuple(fc.integer({ min: lowest, max: highest }), fc.integer({ min: lowest, max: highest }))
      .map(([a, b]) => ({ [low]: Math.min(a, b), [high]: Math.max(a, b) })),
    { nil: {} },
  )

const scalars: fc.Arbitrary<Schema> = fc.oneof(
  bounds('minLength', 'maxLength', 0, 40).map((limits) => ({ type: 'string', ...limits })),
  bounds('minimum', 'maximum', -50, 50).map((limits) => ({ type: 'integer', ...limits })),
  bounds('minimum', 'maximum', -50, 50).map((limits) => ({ type: 'number', ...limits })),
  fc
    .integer({ min: -20, max: 20 })
    .map((low) => ({ type: 'number', exclusiveMinimum: low, exclusiveMaximum: low + 1 })),
  fc
    .tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 1, max: 9 }))
    .map(([low, step]) => ({ type: 'integer', exclusiveMinimum: low, multipleOf: step })),
  fc.constant({ type: 'boolean' }),
  fc.constant({ type: 'null' }),
  fc.constant({ type: ['string', 'null'] }),
  fc.constant({}),
  fc
    .array(fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)), { minLength: 1 })
    .map((choices) => ({ enum: choices })),
  fc.string().map((only) => ({ const: only })),
  fc.constantFrom('#/$defs/Text', '#/$defs/Tree', '#/$defs/a~1b', '#').map(($ref) => ({ $ref })),
)

const { schema: schemas } = fc.letrec<{ schema: Schema }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalars,
    fc
      .tuple(tie('schema'), bounds('minItems', 'maxItems', 0, 4))
      .map(([items, limits]) => ({ type: 'array', items, ...limits })),
    fc.dictionary(fc.string({ maxLength: 8 }), tie('schema'), { maxKeys: 4 }).chain((properties) =>
      fc.subarray(Object.keys(properties)).map((required) => ({
        type: 'object',
        properties,
        required,
        additionalProperties: false,
      })),
    ),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
  ),
}))

const roots = fc
  .dictionary(fc.string({ maxLength: 8 }), schemas, { maxKeys: 4 })
  .map((properties) => ({
    type: 'object',
    properties,
    // A required member that refers to the root could never end, so the root itself requires nothing.
    $defs: {
      Text: { type: 'string', minLength: 3 },
      'a/b': { type: 'integer', minimum: 7 },
      Tree: {
        type: 'object',
        properties: {
          label: { $ref: '#/$defs/Text' },
          left: { anyOf: [{ $ref: '#/$defs/Tree' }, { type: 'null' }] },
          children: { type: 'array', items: { $ref: '#/$defs/Tree' } },
        },
        required: ['label', 'left', 'children'],
        additionalProperties: false,
      },
    },
  }))

test('the value satisfies any schema of objects, arrays, scalars, branches and references', () => {
  fc.assert(fc.property(roots, assertSatisfies), { numRuns: 300 })
})

test('the same schema always gives the same value', () => {
  fc.assert(
    fc.property(roots, (schema) => {
      assert.deepEqual(valueForSchema(structuredClone(schema)), valueForSchema(schema))
    }),
    { numRuns: 50 },
  )
})

test('formats, patterns, tuples, unique items and merged parts are honoured', () => {
  for (const schema of [
    { type: 'string', format: 'date-time' },
    { type: 'string', format: 'email' },
    { type: 'string', format: 'uuid' },
    { type: 'string', pattern: '^[A-Z]{3}$' },
    { type: 'string', pattern: '^\\d{5}$' },
    { type: 'string', pattern: '^#[0-9a-f]{6}$' },
    { type: 'array', items: { type: 'integer' }, minItems: 5, uniqueItems: true },
    { type: 'array', items: { type: 'string' }, minItems: 5, uniqueItems: true },
    { type: 'array', items: { enum: ['a', 'b', 'c'] }, minItems: 3, uniqueItems: true },
    { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], items: false },
    { type: 'object', minProperties: 3 },
    { type: 'object', required: ['toString', '__proto__'] },
    { type: 'object', additionalProperties: { type: 'integer' }, required: ['any'] },
    { type: 'number', multipleOf: 0.1, minimum: -1 },
    {
      allOf: [
        { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] },
        { type: 'object', properties: { b: { type: 'boolean' } }, required: ['b'] },
      ],
    },
  ]) {
    assertSatisfies(schema)
  }
})

test('a required property called __proto__ is a property, not a prototype', () => {
  const value = valueForSchema(JSON.parse('{"type":"object","required":["__proto__"]}'))
  assert.deepEqual(Object.keys(value as object), ['__proto__'])
})

test('schemas that nothing satisfies or that never end still give an answer, and soon', () => {
  const loop = { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } }
  const wide = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, { $ref: '#' }]))
  for (const schema of [
    loop,
    { type: 'object', properties: wide, required: ['a', 'b', 'c', 'd'] },
    { type: 'string', minLength: 1e12 },
    { type: 'array', minItems: 1e12, items: { type: 'array', minItems: 1e12 } },
    { type: 'object', minProperties: 1e12 },
    { type: 'string', pattern: '(' },
    { type: 'string', pattern: '^(a+)+$' },
    { $ref: '#/$defs/missing' },
    { $ref: 'https://example.com/schema.json' },
    { allOf: [null, 3, false] },
    false,
    null,
    'text',
  ]) {
    assert.ok(JSON.stringify(valueForSchema(schema)).length < 1_000_000)
  }
})
