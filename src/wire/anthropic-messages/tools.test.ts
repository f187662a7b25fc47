import assert from 'node:assert/strict'
import test from 'node:test'
import {
  type Body,
  closed,
  encode,
  refusedParam,
  say,
  tool,
} from '../../../tests/dialects/anthropic-messages-rig.ts'
import type { ChatRequest } from '../../core/chat.ts'
import type { JsonObject } from '../json.ts'

test('a tool is held to its schema only where it means the same', () => {
  const loose = { type: 'object', properties: { n: { type: 'integer', minimum: 1 } } }
  const tools = [tool('exact', closed, { strict: true }), tool('loose', loose, { strict: true })]
  const { body, dropped } = encode({ tools })
  assert.deepEqual((JSON.parse(Buffer.from(body).toString()) as Body)['tools'], [
    { name: 'exact', input_schema: closed, strict: true },
    { name: 'loose', input_schema: loose },
  ])
  assert.deepEqual(dropped, ['tools[1].function.strict'])
  const many = Array.from({ length: 21 }, (_, at) => tool(`t${at}`, closed, { strict: true }))
  assert.deepEqual(encode({ tools: many }).dropped, ['tools[20].function.strict'])
})

test("the provider's own tools pass, and are offered only where they are allowed", () => {
  const search = { type: 'web_search_20250305', name: 'web_search', max_uses: 2 }
  const tools = [{ kind: search.type, definition: search }, tool('look', closed)]
  assert.deepEqual((say({ tools })['tools'] as unknown[])[0], search)
  const only = { mode: 'auto', tools: [{ type: 'function', function: { name: 'look' } }] }
  const said = say({ tools, toolChoice: { mode: 'other', choice: { allowed_tools: only } } })
  assert.deepEqual(said['tools'], [{ name: 'look', input_schema: closed }])
})

test('a choice without tools is not said', () => {
  assert.equal(say({ toolChoice: { mode: 'auto' }, tools: [] })['tool_choice'], undefined)
})

const format = (schema: object): Partial<ChatRequest> => ({
  responseFormat: { type: 'json_schema', json_schema: { name: 'a', schema } },
})
const open = { type: 'object', additionalProperties: { type: 'number' } }

test('a form that cannot be said as one is said as a tool that must be called', () => {
  const older = encode(format(closed), { model: 'claude-sonnet-4-0' })
  assert.equal(older.answerTool, 'answer_as_json')
  const { body, answerTool } = encode(format(open))
  const said = JSON.parse(Buffer.from(body).toString()) as Body
  assert.equal(answerTool, 'answer_as_json')
  assert.deepEqual(said['tool_choice'], {
    type: 'tool',
    name: 'answer_as_json',
    disable_parallel_tool_use: true,
  })
  assert.equal(said['output_config'], undefined)
  assert.equal(refusedParam(format(open), { model: 'claude-opus-5-5' }), 'response_format')
  assert.equal(refusedParam(format({ type: 'array', items: true })), 'response_format')
})

test('beside tools, the model chooses between them and the answer', () => {
  const tools = [tool('answer_as_json', closed)]
  const said = say({ ...format(open), tools })
  assert.deepEqual(said['tool_choice'], { type: 'any' })
  assert.deepEqual(
    (said['tools'] as readonly JsonObject[]).map(({ name }) => name),
    ['answer_as_json', 'answer_as_json_'],
  )
  const must = encode({ ...format(open), tools, toolChoice: { mode: 'required' } })
  assert.equal(must.answerTool, null)
  const none = say({ ...format(open), tools, toolChoice: { mode: 'none' } })
  assert.equal((none['tool_choice'] as JsonObject)['name'], 'answer_as_json_')
})

test('a model that cannot be forced is not', () => {
  const request: Partial<ChatRequest> = {
    tools: [tool('look', closed)],
    toolChoice: { mode: 'required' },
  }
  const newest = { model: 'claude-opus-5-5' }
  assert.equal(refusedParam(request, newest), 'tool_choice')
  assert.deepEqual(say(request, { ...newest, drop: true })['tool_choice'], { type: 'auto' })
})
