import assert from 'node:assert/strict'
import test from 'node:test'
import { GatewayError } from '../../core/errors.ts'
import type { JsonObject } from '../json.ts'
import { openaiChat } from '../openai-chat/dialect.ts'
import { Omissions } from '../translate/omissions.ts'
import { encodeTools } from './tools.ts'

const sonnet = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
const nova = 'us.amazon.nova-lite-v1:0'
const look = { type: 'function', function: { name: 'look' } }
const strict = {
  type: 'function',
  function: {
    name: 'get',
    strict: true,
    parameters: {
      type: 'object',
      properties: { at: { type: 'string' } },
      required: ['at'],
      additionalProperties: false,
    },
  },
}
const schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }
const asSchema = (json: object) => ({
  response_format: { type: 'json_schema', json_schema: { name: 'thing', schema: json } },
})

function encode(wire: object, model: string, called: readonly string[] = []) {
  const text = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], ...wire })
  const omissions = new Omissions('Amazon Bedrock', false)
  const request = openaiChat.request.decode(Buffer.from(text))
  const encoded = encodeTools(request, model, new Set(called), omissions)
  const specs = (encoded.toolConfig?.['tools'] ?? []) as Record<string, JsonObject>[]
  return {
    ...encoded,
    names: specs.map((spec) => (spec['toolSpec'] ?? spec['systemTool'])?.['name']),
    choice: encoded.toolConfig?.['toolChoice'],
    specs,
    dropped: omissions.dropped,
  }
}

test('there is no "none": the tools stay away, unless the history calls some', () => {
  const wire = { tools: [look], tool_choice: 'none' }
  assert.equal(encode(wire, sonnet).toolConfig, null)
  const later = encode(wire, sonnet, ['look'])
  assert.deepEqual(later.names, ['look'])
  assert.deepEqual(later.dropped, ['tool_choice'])
})

test('a history with calls gets a configuration though no tools are offered any more', () => {
  assert.deepEqual(encode({}, sonnet, ['look', 'get']).names, ['look', 'get'])
})

test('strict tools are strict where the model knows it, and reported where it does not', () => {
  const known = encode({ tools: [strict] }, sonnet)
  assert.equal(known.specs[0]?.['toolSpec']?.['strict'], true)
  assert.deepEqual(known.dropped, [])
  const unknown = encode({ tools: [strict] }, nova)
  assert.equal(unknown.specs[0]?.['toolSpec']?.['strict'], undefined)
  assert.deepEqual(unknown.dropped, ['tools[0].function.strict'])
})

test('tools that Bedrock runs itself pass', () => {
  const system = { type: 'system_tool', system_tool: { name: 'nova_grounding' } }
  assert.deepEqual(encode({ tools: [look, system] }, nova).names, ['look', 'nova_grounding'])
})

test('a schema is the form of the answer where the model takes one, closed where it was open', () => {
  const { textFormat, answerTool } = encode(asSchema(schema), sonnet)
  const { structure } = textFormat as { structure: { jsonSchema: { schema: string } } }
  assert.deepEqual(JSON.parse(structure.jsonSchema.schema), {
    ...schema,
    additionalProperties: false,
  })
  assert.equal(answerTool, null)
})

test('else a tool stands for the answer and must be called', () => {
  const { answerTool, names, choice, forcesTool, specs } = encode(asSchema(schema), nova)
  assert.equal(answerTool, 'answer_as_json')
  assert.deepEqual(names, ['answer_as_json'])
  assert.deepEqual(choice, { tool: { name: 'answer_as_json' } })
  assert.ok(forcesTool)
  assert.deepEqual(specs[0]?.['toolSpec']?.['inputSchema'], { json: schema })
})

test('beside other tools the answer is one of those of which one must be called', () => {
  const mine = { type: 'function', function: { name: 'answer_as_json' } }
  const { answerTool, names, choice } = encode({ tools: [mine], ...asSchema(schema) }, nova)
  assert.equal(answerTool, 'answer_as_json_')
  assert.deepEqual(names, ['answer_as_json', 'answer_as_json_'])
  assert.deepEqual(choice, { any: {} })
})

test('where a tool must be called the form of the answer is left out and reported', () => {
  const wire = { tools: [look], tool_choice: 'required', ...asSchema(schema) }
  const { answerTool, choice, dropped } = encode(wire, nova)
  assert.equal(answerTool, null)
  assert.deepEqual(choice, { any: {} })
  assert.deepEqual(dropped, ['response_format'])
})

test('a schema that the model cannot be held to goes to a tool', () => {
  const open = { type: 'object', properties: { a: { type: 'object', additionalProperties: true } } }
  assert.equal(encode(asSchema(open), sonnet).answerTool, 'answer_as_json')
})

test('a form that can be said in neither way is refused', () => {
  for (const [wire, model] of [
    [asSchema({ type: 'array', items: { type: 'string' } }), nova],
    [asSchema({ type: 'object', additionalProperties: true }), 'anthropic.claude-opus-5-5'],
  ] as const)
    assert.throws(
      () => encode(wire, model),
      (thrown) => thrown instanceof GatewayError && thrown.facts.param === 'response_format',
    )
})

test('a call is not asked for where there is nothing to call', () => {
  assert.throws(
    () => encode({ tool_choice: 'required' }, sonnet),
    (thrown) => thrown instanceof GatewayError && thrown.facts.param === 'tool_choice',
  )
})

test('the first Nova models get a root without definitions, and what refers to itself is reported', () => {
  const place = { type: 'object', properties: { x: { type: 'integer' } } }
  const parameters = {
    type: 'object',
    properties: { p: { $ref: '#/$defs/P' } },
    required: ['p'],
    additionalProperties: false,
    $defs: { P: place },
  }
  const tools = [{ type: 'function', function: { name: 'go', parameters } }]
  const rootOf = (wire: object, model: string): unknown => {
    const { specs } = encode(wire, model)
    return (specs[0]?.['toolSpec']?.['inputSchema'] as JsonObject | undefined)?.['json']
  }
  const flat = { type: 'object', properties: { p: place }, required: ['p'] }
  assert.deepEqual(rootOf({ tools }, nova), flat)
  assert.deepEqual(rootOf({ tools }, 'us.amazon.nova-2-lite-v1:0'), parameters)
  assert.deepEqual(rootOf(asSchema(parameters), nova), flat)
  const next = { type: 'object', properties: { next: { $ref: '#/$defs/N' } } }
  const node = { $ref: '#/$defs/N', $defs: { N: next } }
  const recursive = [{ type: 'function', function: { name: 'go', parameters: node } }]
  assert.deepEqual(encode({ tools: recursive }, nova).dropped, [
    'tools[0].function.parameters.$defs',
  ])
})
