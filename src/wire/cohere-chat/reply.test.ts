import assert from 'node:assert/strict'
import test from 'node:test'
import type { ChatEvent } from '../../core/chat.ts'
import { encodeReply } from '../openai-chat/reply.ts'
import { decodeRequest } from '../openai-chat/request.ts'
import { decodeError } from './error.ts'
import { createDecoder } from './events.ts'
import { decodeReply } from './reply.ts'
import { encodeRequest } from './request.ts'

const context = { model: 'm', createdAt: 1, newId: () => 'id', answerTool: null }
const decoded = (message: object, finish_reason = 'COMPLETE') =>
  decodeReply(Buffer.from(JSON.stringify({ id: 'r', message, finish_reason })), context)
const call = { id: 'f_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }
const streamed = (...events: readonly object[]): readonly ChatEvent[] => {
  const decoder = createDecoder(context)
  const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')
  return [...decoder.push(Buffer.from(text)), ...decoder.end()]
}
const start = { type: 'message-start', id: 's', delta: { message: { role: 'assistant' } } }
const end = (finish_reason: string) => ({ type: 'message-end', delta: { finish_reason } })

test('a plan is the text beside tool calls, and comes back as the plan', () => {
  const message = { role: 'assistant', tool_plan: 'I will look.', tool_calls: [call] }
  const reply = decoded(message, 'TOOL_CALL')
  assert.equal(reply.choices[0]?.content, 'I will look.')
  assert.equal(reply.choices[0]?.finishReason, 'tool_calls')
  assert.deepEqual(sentBack(reply), [message])
})

test('thoughts before tool calls come back before them', () => {
  const content = [{ type: 'thinking', thinking: 'Hm.' }]
  const message = { role: 'assistant', content, tool_calls: [call] }
  assert.deepEqual(sentBack(decoded(message, 'TOOL_CALL')), [message])
})

/** What Cohere gets when a client sends an answer back as it got it. */
function sentBack(reply: ReturnType<typeof decoded>): unknown {
  const wire = JSON.parse(encodeReply(reply).toString()) as { choices: { message: object }[] }
  const messages = wire.choices.map(({ message }) => message)
  const request = decodeRequest(Buffer.from(JSON.stringify({ model: 'm', messages })))
  const options = { model: 'm', dropUnsupported: false, images: new Map() }
  const { body, dropped } = encodeRequest(request, options)
  assert.deepEqual(dropped, [])
  return (JSON.parse(body.toString()) as { messages: unknown }).messages
}

test('a streamed plan is text in front of the calls', () => {
  const events = streamed(
    start,
    { type: 'tool-plan-delta', delta: { message: { tool_plan: 'I look.' } } },
    { type: 'tool-call-start', index: 0, delta: { message: { tool_calls: call } } },
    { type: 'tool-call-end', index: 0 },
    end('TOOL_CALL'),
  )
  assert.deepEqual(events.slice(2), [
    { type: 'text-delta', choice: 0, text: 'I look.' },
    { type: 'tool-call-start', choice: 0, call: 0, id: 'f_1', name: 'f', kind: 'function' },
    { type: 'tool-call-delta', choice: 0, call: 0, arguments: '{"a":1}' },
    { type: 'finish', choice: 0, reason: 'tool_calls' },
  ])
})

test('a call whose end is missing still has its arguments', () => {
  const begun = { ...call, function: { name: 'f', arguments: 'nul' } }
  const events = streamed(
    start,
    { type: 'tool-call-start', index: 4, delta: { message: { tool_calls: [begun] } } },
    end('COMPLETE'),
  )
  assert.deepEqual(events.slice(3), [
    { type: 'tool-call-delta', choice: 0, call: 0, arguments: 'nul' },
    { type: 'finish', choice: 0, reason: 'tool_calls' },
  ])
})

test('what was cut is told, though there are tool calls', () => {
  const message = { role: 'assistant', tool_calls: [call] }
  for (const [reason, finish] of [
    ['MAX_TOKENS', 'length'],
    ['TIMEOUT', 'length'],
    ['ERROR_TOXIC', 'content_filter'],
    ['TOOL_CALL', 'tool_calls'],
    ['COMPLETE', 'tool_calls'],
    ['SOMETHING_NEW', 'tool_calls'],
  ] as const)
    assert.equal(decoded(message, reason).choices[0]?.finishReason, finish, reason)
})

test('errors keep what Cohere says', () => {
  const read = (status: number, body: string, headers = {}) => {
    const {
      code,
      status: ours,
      message,
      facts,
    } = decodeError(status, headers, Buffer.from(body), 0)
    return [code, ours, message, facts.upstreamWords?.code ?? null, facts.retryAfterMs]
  }
  const long = '{"id":"1","message":"too many tokens","error_type":"TOO_MANY_TOKENS"}'
  assert.deepEqual(read(400, long), [
    'upstream_rejected',
    400,
    'too many tokens',
    'TOO_MANY_TOKENS',
    undefined,
  ])
  assert.deepEqual(read(429, '{"message":"slow down"}', { 'retry-after': '2' }).slice(0, 3), [
    'upstream_rate_limited',
    429,
    'slow down',
  ])
  assert.equal(read(498, '{"message":"invalid token"}')[0], 'upstream_auth_failed')
  assert.equal(read(500, '{"error":{"message":"inside"}}')[2], 'inside')
  assert.equal(read(503, '{"error":"outside"}')[2], 'outside')
  for (const page of ['<html></html>', '', '[]', '{"message":{}}'])
    assert.equal(read(502, page)[2], 'the provider answered 502')
})

test('where a tool is the answer, only its first call is, and what is said beside it is a thought', () => {
  const answer = (id: string, text: string) => ({
    id,
    type: 'function',
    function: { name: 'answer', arguments: text },
  })
  const content = [{ type: 'text', text: 'Here:' }]
  const calls = [answer('1', '{"a":1}'), answer('2', '{"a":2}')]
  const wire = { message: { content, tool_calls: calls }, finish_reason: 'TOOL_CALL' }
  const asked = { ...context, answerTool: 'answer' }
  const [choice] = decodeReply(Buffer.from(JSON.stringify(wire)), asked).choices
  assert.deepEqual(
    [choice?.content, choice?.reasoning, choice?.finishReason],
    ['{"a":1}', 'Here:', 'stop'],
  )
  const piece = (type: string, index: number, message: object) => ({
    type,
    index,
    delta: { message },
  })
  const events = [
    start,
    piece('content-start', 0, { content: { type: 'text', text: 'Here:' } }),
    ...calls.flatMap((call, index) => [
      piece('tool-call-start', index, { tool_calls: call }),
      piece('tool-call-end', index, {}),
    ]),
    end('TOOL_CALL'),
  ]
  const decoder = createDecoder(asked)
  const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')
  assert.deepEqual(decoder.push(Buffer.from(text)).slice(2), [
    { type: 'reasoning-delta', choice: 0, text: 'Here:' },
    { type: 'text-delta', choice: 0, text: '{"a":1}' },
    { type: 'finish', choice: 0, reason: 'stop' },
  ])
})
