import assert from 'node:assert/strict'
import test from 'node:test'
import type { ChatEvent } from '../../core/chat.ts'
import type { ReplyContext } from '../../core/dialect.ts'
import { createDecoder, createMessageReader } from './events.ts'

const context: ReplyContext = {
  model: 'asked',
  createdAt: 1,
  newId: () => 'made',
  answerTool: null,
}
const frame = (wire: { readonly type: string }): string => `data: ${JSON.stringify(wire)}\n\n`
const start = { type: 'message_start', message: { usage: { input_tokens: 3, output_tokens: 1 } } }
const text = { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'A' } }
const delta = (piece: object, index = 0) => ({ type: 'content_block_delta', index, delta: piece })
const end = {
  type: 'message_delta',
  delta: { stop_reason: 'end_turn' },
  usage: { output_tokens: 9 },
}

function read(...wires: readonly { readonly type: string }[]): readonly ChatEvent[] {
  const decoder = createDecoder(context)
  const events = [...decoder.push(Buffer.from(wires.map(frame).join('')))]
  return [...events, ...decoder.end()]
}
const types = (events: readonly ChatEvent[]): readonly string[] => events.map(({ type }) => type)

test('what a message does not say of itself is taken from the request', () => {
  assert.deepEqual(read(start, end)[0], { type: 'start', id: 'made', createdAt: 1, model: 'asked' })
})

test('text may come with the start of its block', () => {
  assert.deepEqual(read(start, text, delta({ type: 'text_delta', text: 'B' }), end).slice(2), [
    { type: 'text-delta', choice: 0, text: 'A' },
    { type: 'text-delta', choice: 0, text: 'B' },
    { type: 'finish', choice: 0, reason: 'stop' },
    {
      type: 'usage',
      usage: {
        inputTokens: 3,
        outputTokens: 9,
        cachedInputTokens: 0,
        reasoningTokens: 0,
        estimated: false,
      },
    },
  ])
})

test('a block that was never closed is closed with the message', () => {
  const tool = { type: 'tool_use', id: 't', name: 'look', input: {} }
  const events = read(
    start,
    { type: 'content_block_start', index: 0, content_block: tool } as never,
    end,
  )
  assert.deepEqual(events[3], { type: 'tool-call-delta', choice: 0, call: 0, arguments: '{}' })
  assert.deepEqual(events[4], { type: 'finish', choice: 0, reason: 'tool_calls' })
})

test('the finish is said once, and what follows it is only heard of', () => {
  assert.deepEqual(types(read(start, end, end, { type: 'message_stop' }, { type: 'ping' })), [
    'start',
    'role',
    'finish',
    'usage',
  ])
})

const broken: Readonly<Record<string, readonly { readonly type: string }[]>> = {
  'content before the message': [text],
  'the end of no message': [end],
  'content after the end': [start, end, text],
  'a second start': [start, start],
  'a second start of a block': [start, text, text],
  'a piece of no block': [start, delta({ type: 'text_delta', text: 'B' }, 7)],
  'a message that ends without a reason': [start, text, { type: 'message_stop' }],
  'a message that is cut off': [start, text],
}
for (const [name, wires] of Object.entries(broken))
  test(`${name} is an error, the last thing that is said`, () => {
    const events = read(...wires)
    assert.equal(events.at(-1)?.type, 'error')
    assert.equal(events.filter(({ type }) => type === 'error').length, 1)
  })

const inner: readonly (readonly [string, number, string])[] = [
  ['invalid_request_error', 400, 'upstream_rejected'],
  ['authentication_error', 502, 'upstream_auth_failed'],
  ['rate_limit_error', 429, 'upstream_rate_limited'],
  ['api_error', 500, 'upstream_error'],
  ['overloaded_error', 502, 'upstream_error'],
  ['timeout_error', 504, 'upstream_error'],
  ['something_new', 502, 'upstream_error'],
]
for (const [type, status, code] of inner)
  test(`${type} in mid-stream is ${code}`, () => {
    const wire = { type: 'error', error: { type, message: 'No.' } }
    const last = read(start, text, wire).at(-1)
    assert.ok(last?.type === 'error')
    assert.deepEqual([last.error.status, last.error.code], [status, code])
  })

test('the events are read alike, however they are framed', () => {
  const reader = createMessageReader(context)
  const events = [start, text, end].flatMap((wire) => reader.read(wire))
  assert.deepEqual(types(events), ['start', 'role', 'text-delta', 'finish'])
  assert.equal(reader.finished, true)
  assert.deepEqual(types(reader.rest()), ['usage'])
})

test('a long stream costs no more per event than a short one', () => {
  const decoder = createDecoder(context)
  decoder.push(Buffer.from(frame(start)))
  const thinking = { type: 'thinking', thinking: '', signature: '' }
  const begin = { type: 'content_block_start', index: 0, content_block: thinking }
  decoder.push(Buffer.from(frame(begin)))
  const piece = Buffer.from(frame(delta({ type: 'thinking_delta', thinking: 'abcdefgh' })))
  for (let at = 0; at < 100_000; at++) assert.equal(decoder.push(piece).length, 1)
  const signed = frame(delta({ type: 'signature_delta', signature: 'S' }))
  decoder.push(Buffer.from(signed))
  const stop = { type: 'content_block_stop', index: 0 }
  const [event] = decoder.push(Buffer.from(frame(stop) + frame(end)))
  assert.ok(event?.type === 'other-delta')
  const [detail] = event.delta['reasoning_details'] as readonly { readonly text: string }[]
  assert.equal(detail?.text.length, 800_000)
})

test('nothing is waited for, nor read, after the very last event', () => {
  const decoder = createDecoder(context)
  const wires = [start, text, end, { type: 'message_stop' }, text]
  const events = decoder.push(Buffer.from(wires.map(frame).join('')))
  assert.deepEqual(types(events), ['start', 'role', 'text-delta', 'finish'])
  assert.equal(decoder.done, true)
  assert.deepEqual(types(decoder.end()), ['usage'])
})

test('where a tool is the answer, only its first call is, and what is said beside it is a thought', () => {
  const tool = (index: number) => ({
    type: 'content_block_start',
    index,
    content_block: { type: 'tool_use', id: `t${index}`, name: 'answer', input: { index } },
  })
  const stop = (index: number) => ({ type: 'content_block_stop', index })
  const wires = [start, text, stop(0), tool(1), stop(1), tool(2), stop(2), end]
  const decoder = createDecoder({ ...context, answerTool: 'answer' })
  const events = decoder.push(Buffer.from(wires.map(frame).join('')))
  assert.deepEqual(events.slice(2), [
    { type: 'reasoning-delta', choice: 0, text: 'A' },
    { type: 'text-delta', choice: 0, text: '{"index":1}' },
    { type: 'finish', choice: 0, reason: 'stop' },
  ])
})

test('text stays text where the tool that would be the answer is not called', () => {
  const decoder = createDecoder({ ...context, answerTool: 'answer' })
  const events = decoder.push(Buffer.from([start, text, end].map(frame).join('')))
  assert.deepEqual(types(events), ['start', 'role', 'text-delta', 'finish'])
})

test('an error without a type is an error', () => {
  const events = read(start, { error: { type: 'overloaded_error', message: 'Busy' } } as never)
  const last = events.at(-1)
  assert.ok(last?.type === 'error')
  assert.equal(last.error.message, 'Busy')
})
