import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import type { ChatEvent, ChatReply } from '../../core/chat.ts'
import { GatewayError } from '../../core/errors.ts'
import { eventsToReply, replyToEvents } from './convert.ts'
import { openaiChat } from './dialect.ts'

const fixtures = path.join(import.meta.dirname, '../../../tests/fixtures/openai-chat')
const read = (...parts: readonly string[]): Buffer => readFileSync(path.join(fixtures, ...parts))

function gather(name: string): ChatReply {
  const decoder = openaiChat.events.decoder()
  return eventsToReply([...decoder.push(read('streams', `${name}.sse`)), ...decoder.end()])
}

for (const file of readdirSync(path.join(fixtures, 'replies')))
  test(`the reply ${file} said as a stream and gathered again is the same reply`, () => {
    const reply = openaiChat.reply.decode(read('replies', file))
    const again = eventsToReply(replyToEvents(reply))
    // A message without text and without calls has an empty text in a stream.
    const texts = (each: ChatReply) => each.choices.map((choice) => choice.content ?? '')
    assert.deepEqual(texts(again), texts(reply))
    const rest = ({ choices, extra: _, ...head }: ChatReply) => ({
      ...head,
      choices: choices.map(({ content: _, toolCalls, ...choice }) => ({
        ...choice,
        ...(toolCalls && { toolCalls: toolCalls.map(({ extra: _, ...call }) => call) }),
      })),
    })
    assert.deepEqual(rest(again), rest(reply))
  })

test('a stream of two choices becomes two choices in their order', () => {
  assert.deepEqual(
    gather('two-choices').choices.map(({ index, content }) => ({ index, content })),
    [
      { index: 0, content: 'Tails!' },
      { index: 1, content: 'Heads' },
    ],
  )
})

test('choices are in their order, whichever began first', () => {
  const events: readonly ChatEvent[] = [
    { type: 'text-delta', choice: 1, text: 'b' },
    { type: 'text-delta', choice: 0, text: 'a' },
  ]
  assert.deepEqual(
    eventsToReply(events).choices.map(({ index }) => index),
    [0, 1],
  )
})

test('parallel calls are put together each for itself', () => {
  assert.deepEqual(
    gather('parallel-tools').choices[0]?.toolCalls?.map((call) => [call.id, call.arguments]),
    [
      ['call_a', '{"city":"Oslo"}'],
      ['call_b', '{"zone":"CET"}'],
    ],
  )
})

test('spoken answers, log probabilities and old function calls are joined, not overwritten', () => {
  assert.deepEqual(gather('audio').choices[0]?.extra, {
    audio: {
      id: 'audio_68',
      transcript: 'Hello',
      data: 'UklGRg==AAAA',
      expires_at: 1767229200,
    },
  })
  assert.deepEqual(gather('legacy-function-call').choices[0]?.extra, {
    function_call: { name: 'get_weather', arguments: '{"a":1}' },
  })
  const logprobs = gather('logprobs').choices[0]?.logprobs as { content: { token: string }[] }
  assert.deepEqual(
    logprobs.content.map(({ token }) => token),
    ['Yes', '.'],
  )
})

test('a broken stream becomes its error, not half a reply', () => {
  for (const name of ['truncated', 'groq-tool-use-failed', 'openrouter-error', 'not-json'])
    assert.throws(() => gather(name), GatewayError)
  const error = new GatewayError('upstream_timeout', 'x')
  const events: readonly ChatEvent[] = [{ type: 'error', error }]
  assert.throws(() => eventsToReply(events), error)
})

const chunk = (choice: object): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`

test('the numbers a provider gives its calls are names: they order the calls, and cost nothing', () => {
  const call = (index: number, id: string) =>
    chunk({
      delta: {
        tool_calls: [{ index, id, type: 'function', function: { name: id, arguments: '' } }],
      },
    })
  const more = (index: number, text: string) =>
    chunk({ delta: { tool_calls: [{ index, function: { arguments: text } }] } })
  // Beyond the places a list has; one just within would be gone through hole by hole.
  const far = 2 ** 32
  const decoder = openaiChat.events.decoder()
  const events = [
    ...decoder.push(
      Buffer.from(
        [
          call(far, 'far'),
          more(far, '{"a":'),
          call(7, 'near'),
          more(7, '{}'),
          more(far, '1}'),
          chunk({ delta: {}, finish_reason: 'tool_calls' }),
          'data: [DONE]\n\n',
        ].join(''),
      ),
    ),
    ...decoder.end(),
  ]
  const reply = eventsToReply(events)
  assert.deepEqual(
    reply.choices[0]?.toolCalls?.map(({ name, arguments: text }) => [name, text]),
    [
      ['near', '{}'],
      ['far', '{"a":1}'],
    ],
  )
})

const pieceEvents = (count: number): ChatEvent[] =>
  Array.from({ length: count }, (_, index) => ({
    type: 'text-delta',
    choice: 0,
    text: 'x',
    logprobs: { content: [{ token: String(index) }] },
  }))

test('many pieces of a list are added to it one by one, without copying what is there', (t) => {
  const count = 300
  const events = pieceEvents(count)
  let copied = 0
  const own = Array.prototype[Symbol.iterator]
  t.after(() => Object.assign(Array.prototype, { [Symbol.iterator]: own }))
  Object.assign(Array.prototype, {
    *[Symbol.iterator](this: unknown[]) {
      for (let at = 0; at < this.length; at++) {
        copied++
        yield this[at]
      }
    },
  })
  const reply = eventsToReply(events)
  Object.assign(Array.prototype, { [Symbol.iterator]: own })
  const content = (reply.choices[0]?.logprobs as { content: { token: string }[] } | undefined)
    ?.content
  assert.deepEqual(
    content?.map(({ token }) => Number(token)),
    events.map((_, index) => index),
  )
  assert.ok(copied < 20 * count, `${copied} elements were gone through for ${count}`)
})

test('what is put together leaves the events it came from as they were', () => {
  const events: readonly ChatEvent[] = [
    ...pieceEvents(3),
    { type: 'other-delta', choice: 0, delta: { annotations: [{ a: 1 }] } },
    { type: 'other-delta', choice: 0, delta: { annotations: [{ a: 2 }] } },
  ]
  const before = structuredClone(events)
  const once = eventsToReply(events)
  assert.deepEqual(events, before)
  assert.deepEqual(eventsToReply(events), once)
  assert.deepEqual(once.choices[0]?.extra, { annotations: [{ a: 1 }, { a: 2 }] })
})
