import assert from 'node:assert/strict'
import test from 'node:test'
import { GatewayError } from '../../core/errors.ts'
import type { JsonObject } from '../json.ts'
import { decodeRequest } from '../openai-chat/request.ts'
import { encodeRequest } from './request.ts'

const hello = [{ role: 'user', content: 'Hello' }]

function sent(
  fields: object,
  dropUnsupported = false,
): { readonly body: JsonObject; readonly dropped: readonly string[] } {
  const bytes = Buffer.from(JSON.stringify({ model: 'm', messages: hello, ...fields }))
  const options = { model: 'command', dropUnsupported, images: new Map() }
  const { body, dropped } = encodeRequest(decodeRequest(bytes), options)
  return { body: JSON.parse(body.toString()) as JsonObject, dropped }
}
const messagesOf = (...messages: readonly object[]): unknown => sent({ messages }).body['messages']
const refusedParam = (fields: object): unknown => {
  try {
    return sent(fields).body
  } catch (thrown) {
    assert.ok(thrown instanceof GatewayError)
    assert.equal(thrown.code, 'unsupported_parameter')
    return thrown.facts.param
  }
}
const call = (id: string, name = 'f') => ({
  id,
  type: 'function',
  function: { name, arguments: '{}' },
})
const tool = (name: string, more: object = {}) => ({
  type: 'function',
  function: { name, ...more },
})

test('a whole share of the likely tokens is the most that Cohere takes, since its default is less', () => {
  assert.equal(sent({ top_p: 1 }).body['p'], 0.99)
  assert.equal(sent({ top_p: 0 }).body['p'], 0.01)
  assert.equal(sent({ top_p: 0.5 }).body['p'], 0.5)
  assert.equal('p' in sent({}).body, false)
})

test("Cohere's own words pass, and top_k is its k", () => {
  const words = { documents: ['a', { id: 'b', data: { text: 'c' } }], safety_mode: 'STRICT' }
  const { body, dropped } = sent({ ...words, top_k: 5, citation_options: { mode: 'fast' } })
  assert.deepEqual(body['documents'], words.documents)
  assert.deepEqual(
    [body['safety_mode'], body['k'], body['citation_options']],
    ['STRICT', 5, { mode: 'fast' }],
  )
  assert.deepEqual(dropped, [])
  assert.equal('top_k' in body, false)
})

test('penalties outside its range are refused, or left out where that is preferred', () => {
  assert.equal(refusedParam({ frequency_penalty: -1 }), 'frequency_penalty')
  assert.equal(refusedParam({ presence_penalty: 1.5 }), 'presence_penalty')
  const { body, dropped } = sent({ presence_penalty: 1.5, frequency_penalty: 1 }, true)
  assert.deepEqual(dropped, ['presence_penalty'])
  assert.deepEqual([body['presence_penalty'], body['frequency_penalty']], [undefined, 1])
})

test('thinking said in its own words goes before an effort', () => {
  const thinking = { type: 'enabled', token_budget: 7 }
  assert.deepEqual(sent({ thinking, reasoning_effort: 'none' }).body['thinking'], thinking)
  assert.deepEqual(sent({ reasoning_effort: 'high' }).body['thinking'], { type: 'enabled' })
  assert.deepEqual(sent({ reasoning_effort: 'medium', max_tokens: 1 }).body['thinking'], {
    type: 'enabled',
    token_budget: 1,
  })
})

test('text beside tool calls goes back as the plan it is', () => {
  assert.deepEqual(
    messagesOf(
      { role: 'assistant', content: 'I will look.', tool_calls: [call('a')] },
      { role: 'assistant', content: '', tool_calls: [call('b')] },
    ),
    [
      { role: 'assistant', tool_plan: 'I will look.', tool_calls: [call('a')] },
      { role: 'assistant', tool_calls: [call('b')] },
    ],
  )
})

const details = (format: string) => [{ type: 'reasoning.text', text: 'Hm.', format, index: 0 }]

test('own thoughts go back while it may think, and nobody else’s', () => {
  const own = { role: 'assistant', content: null, tool_calls: [call('a')] }
  const message = { ...own, reasoning_content: 'Hm.', reasoning_details: details('cohere-chat-v2') }
  assert.deepEqual(messagesOf(message), [
    {
      role: 'assistant',
      content: [{ type: 'thinking', thinking: 'Hm.' }],
      tool_calls: [call('a')],
    },
  ])
  const silent = sent({ messages: [message], reasoning_effort: 'none' })
  assert.deepEqual(silent.body['messages'], [{ role: 'assistant', tool_calls: [call('a')] }])
  assert.deepEqual(silent.dropped, [
    'messages[0].reasoning_details',
    'messages[0].reasoning_content',
  ])
  const foreign = { ...own, reasoning_details: details('anthropic-claude-v1') }
  assert.deepEqual(sent({ messages: [foreign] }).dropped, ['messages[0].reasoning_details'])
})

test('calls and results in the older form find each other', () => {
  const asked = { role: 'assistant', content: null, function_call: { name: 'f', arguments: '' } }
  const [first, second] = messagesOf(asked, { role: 'function', name: 'f', content: '1' }) as [
    { tool_calls: { id: string }[] },
    { tool_call_id: string },
  ]
  assert.equal(first.tool_calls[0]?.id, second.tool_call_id)
  assert.ok(second.tool_call_id)
})

test('results of tools may hold documents, and nothing else but text', () => {
  const document = { type: 'document', document: { id: 'd', data: { text: 'x' } } }
  const result = (part: object) => ({ role: 'tool', tool_call_id: 'a', content: [part] })
  assert.deepEqual(messagesOf(result(document)), [
    { role: 'tool', tool_call_id: 'a', content: [document] },
  ])
  const image = { type: 'image_url', image_url: { url: 'https://pictures.example/a.png' } }
  assert.equal(refusedParam({ messages: [result(image)] }), 'messages[0].content[0].image_url')
  assert.equal(
    refusedParam({ messages: [{ role: 'user', content: [document] }] }),
    'messages[0].content[0].document',
  )
})

test('a role that nobody knows is refused even where things may be left out', () => {
  assert.throws(() => sent({ messages: [{ role: 'narrator', content: 'x' }] }, true), {
    code: 'unsupported_parameter',
  })
})

const schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }
const format = { type: 'json_schema', json_schema: { name: 'x', description: 'An a.', schema } }

test('a form beside tools that may not be called is said as a form', () => {
  const { body } = sent({ tools: [tool('f')], tool_choice: 'none', response_format: format })
  assert.deepEqual(body['response_format'], {
    type: 'json_object',
    json_schema: { description: 'An a.', ...schema },
  })
  assert.equal('tools' in body, false)
})

test('a form is of no account where a tool must be called', () => {
  const { body } = sent({ tools: [tool('f')], tool_choice: 'required', response_format: format })
  assert.equal((body['tools'] as unknown[]).length, 1)
  assert.equal('response_format' in body, false)
})

test("the tool that carries the answer takes no name of the caller's", () => {
  const { body } = sent({ tools: [tool('answer_as_json')], response_format: format })
  const names = (body['tools'] as { function: { name: string } }[]).map(
    (each) => each.function.name,
  )
  assert.deepEqual(names, ['answer_as_json', 'answer_as_json_'])
})

test('any JSON beside tools is asked for in words, since it takes no form there', () => {
  const { body } = sent({ tools: [tool('f')], response_format: { type: 'json_object' } })
  assert.equal(body['response_format'], undefined)
  const [first] = body['messages'] as { role: string; content: string }[]
  assert.equal(first?.role, 'system')
  assert.match(first?.content ?? '', /JSON object/)
})

test('strict holds for all tools or is reported', () => {
  const strict = tool('f', { parameters: schema, strict: true })
  assert.equal(sent({ tools: [strict] }).body['strict_tools'], true)
  assert.deepEqual(sent({ tools: [strict, tool('g')] }).dropped, ['tools[0].function.strict'])
  const own = sent({ tools: [strict], strict_tools: false })
  assert.equal(own.body['strict_tools'], false)
  assert.deepEqual(own.dropped, [])
})

test('a choice of a tool that is not there is refused', () => {
  const named = { type: 'function', function: { name: 'g' } }
  assert.equal(refusedParam({ tools: [tool('f')], tool_choice: named }), 'tool_choice')
})
