import assert from 'node:assert/strict'
import test from 'node:test'
import { encodeFrames, type WrittenFrame } from '../../../tests/dialects/bedrock-converse/frames.ts'
import type { ChatEvent } from '../../core/chat.ts'
import { bedrockConverse } from './dialect.ts'
import { createDecoder } from './events.ts'

const start: WrittenFrame = { event: 'messageStart', payload: { role: 'assistant' } }
const stop: WrittenFrame = { event: 'messageStop', payload: { stopReason: 'end_turn' } }
const metadata: WrittenFrame = {
  event: 'metadata',
  payload: { usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 } },
}
const delta = (index: number, piece: unknown): WrittenFrame => ({
  event: 'contentBlockDelta',
  payload: { contentBlockIndex: index, delta: piece },
})
const end = (index: number): WrittenFrame => ({
  event: 'contentBlockStop',
  payload: { contentBlockIndex: index },
})
const tool = (index: number, name: string): WrittenFrame => ({
  event: 'contentBlockStart',
  payload: { contentBlockIndex: index, start: { toolUse: { toolUseId: `t${index}`, name } } },
})

function decoder(answerTool: string | null = null) {
  let made = 0
  return createDecoder({
    model: 'asked',
    createdAt: 1,
    newId: () => `${++made}`,
    answerTool,
  })
}

function read(bytes: Uint8Array, answerTool: string | null = null): readonly ChatEvent[] {
  const reading = decoder(answerTool)
  return [...reading.push(bytes), ...reading.end()]
}

/** The last event, which must be the only error. */
function errorOf(events: readonly ChatEvent[]): string {
  const errors = events.filter(({ type }) => type === 'error')
  assert.equal(errors.length, 1)
  const last = events.at(-1)
  assert.ok(last?.type === 'error')
  return last.error.code
}

test('text is told as it comes', () => {
  const reading = decoder()
  assert.deepEqual(
    reading.push(encodeFrames([start])).map(({ type }) => type),
    ['start', 'role'],
  )
  assert.deepEqual(reading.push(encodeFrames([delta(0, { text: 'Hi' })])), [
    { type: 'text-delta', choice: 0, text: 'Hi' },
  ])
})

test('text before a tool call stays before it', () => {
  const events = read(
    encodeFrames([
      start,
      delta(0, { text: 'Hm.' }),
      end(0),
      tool(1, 'look'),
      end(1),
      stop,
      metadata,
    ]),
  )
  assert.deepEqual(
    events.map(({ type }) => type),
    ['start', 'role', 'text-delta', 'tool-call-start', 'tool-call-delta', 'finish', 'usage'],
  )
})

test('nobody need wait for the connection to close once the usage is known', () => {
  const reading = decoder()
  reading.push(encodeFrames([start, delta(0, { text: 'Hi' }), end(0), stop]))
  assert.equal(reading.done, false)
  reading.push(encodeFrames([metadata]))
  assert.equal(reading.done, true)
})

test('a message that ended is whole though its usage is missing', () => {
  const events = read(encodeFrames([start, delta(0, { text: 'Hi' }), end(0), stop]))
  assert.deepEqual(events.at(-1), { type: 'finish', choice: 0, reason: 'stop' })
})

test('a call whose end was not told has arguments all the same', () => {
  const events = read(encodeFrames([start, tool(0, 'look'), stop]))
  assert.deepEqual(events.at(-2), { type: 'tool-call-delta', choice: 0, call: 0, arguments: '{}' })
  assert.deepEqual(events.at(-1), { type: 'finish', choice: 0, reason: 'tool_calls' })
})

test('an answer said twice by its tool is said once', () => {
  const events = read(
    encodeFrames([
      start,
      tool(0, 'answer'),
      delta(0, { toolUse: { input: '{"a":1}' } }),
      end(0),
      tool(1, 'answer'),
      delta(1, { toolUse: { input: '{"a":2}' } }),
      end(1),
      delta(2, { text: 'There.' }),
      end(2),
      stop,
    ]),
    'answer',
  )
  const text = events.flatMap((event) => (event.type === 'text-delta' ? [event.text] : []))
  assert.deepEqual(text, ['{"a":1}'])
  assert.deepEqual(events.at(-1), { type: 'finish', choice: 0, reason: 'stop' })
})

test('a cut anywhere before the end of the message is told', () => {
  const frames = [start, delta(0, { text: 'Hi' }), tool(1, 'look'), end(1), stop]
  const bytes = encodeFrames(frames)
  for (let length = 0; length < bytes.length; length += 3)
    assert.equal(errorOf(read(bytes.subarray(0, length))), 'upstream_stream_truncated')
})

test('a damaged frame ends the stream with what came before it', () => {
  const bytes = Buffer.concat([
    encodeFrames([start, delta(0, { text: 'Hi' })]),
    encodeFrames([delta(0, { text: '?' })]).fill(0, 20, 24),
    encodeFrames([stop]),
  ])
  const events = read(bytes)
  assert.equal(errorOf(events), 'upstream_invalid_response')
  assert.ok(events.some((event) => event.type === 'text-delta' && event.text === 'Hi'))
  assert.ok(!events.some(({ type }) => type === 'finish'))
})

for (const [what, frames] of Object.entries({
  'text where a call began': [start, tool(0, 'look'), delta(0, { text: 'Hi' })],
  'a thought where text began': [
    start,
    delta(0, { text: 'Hi' }),
    delta(0, { reasoningContent: { text: 'Hm' } }),
  ],
  'a piece after its block': [start, delta(0, { text: 'Hi' }), end(0), delta(0, { text: '!' })],
  'a second stop': [start, stop, stop],
  'a stop without a start': [stop],
}))
  test(`events out of order end in an error: ${what}`, () => {
    assert.equal(errorOf(read(encodeFrames(frames))), 'upstream_invalid_response')
  })

for (const [exception, code] of Object.entries({
  throttlingException: 'upstream_rate_limited',
  internalServerException: 'upstream_error',
  serviceUnavailableException: 'upstream_error',
  modelStreamErrorException: 'upstream_error',
  modelTimeoutException: 'upstream_timeout',
  validationException: 'upstream_rejected',
  somethingNewException: 'upstream_error',
}))
  test(`${exception} in mid-stream is told`, () => {
    const events = read(encodeFrames([start, { exception, payload: { message: 'No.' } }, stop]))
    assert.equal(errorOf(events), code)
    assert.ok(!events.some(({ type }) => type === 'finish'))
  })

test('a stream of many small pieces takes time in proportion', () => {
  const many = Array.from({ length: 20_000 }, () => delta(0, { reasoningContent: { text: 'x' } }))
  const bytes = encodeFrames([start, ...many, end(0), stop])
  const reading = decoder()
  let thoughts = 0
  for (let at = 0; at < bytes.length; at += 13)
    for (const { type } of reading.push(bytes.subarray(at, at + 13)))
      if (type === 'reasoning-delta') thoughts++
  assert.equal(thoughts, many.length)
})

test('its streams are told to be binary: the length of a frame may look like a brace', () => {
  const payload = { p: '' }
  const sizeOf = () => encodeFrames([{ event: 'messageStart', payload }]).length
  while (sizeOf() < 0x7b) payload.p += 'x'
  assert.equal(encodeFrames([{ event: 'messageStart', payload }])[3], '{'.charCodeAt(0))
  assert.equal(bedrockConverse.binaryStream, true)
})
