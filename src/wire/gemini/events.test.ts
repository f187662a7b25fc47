import assert from 'node:assert/strict'
import test from 'node:test'
import type { ChatEvent } from '../../core/chat.ts'
import type { ReplyContext } from '../../core/dialect.ts'
import { geminiContent } from './dialect.ts'

const dialect = geminiContent('gemini')

function context(answerTool: string | null = null): ReplyContext {
  let made = 0
  return { model: 'asked', createdAt: 1, newId: () => `n${++made}`, answerTool }
}

function eventsOf(text: string, size = text.length): readonly ChatEvent[] {
  const decoder = dialect.createDecoder(context())
  const bytes = Buffer.from(text)
  const events: ChatEvent[] = []
  for (let from = 0; from < bytes.length; from += size)
    events.push(...decoder.push(bytes.subarray(from, from + size)))
  return [...events, ...decoder.end()]
}

const frame = (wire: unknown): string => `data: ${JSON.stringify(wire)}\r\n\r\n`
const says = (text: string, finishReason?: string): string =>
  frame({
    candidates: [{ content: { parts: [{ text }] }, ...(finishReason && { finishReason }) }],
    usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1 },
  })
const kinds = (events: readonly ChatEvent[]): readonly string[] => events.map(({ type }) => type)

test('wherever a stream ends early, its last event is an error, and nothing follows it', () => {
  const whole = says('Hel') + says('lo') + says('!', 'STOP')
  const finished = Buffer.byteLength(whole) - '\r\n\r\n'.length
  for (let length = 0; length < finished; length += 3) {
    const events = eventsOf(whole.slice(0, length), 16)
    const last = events.at(-1)
    assert.equal(last?.type, 'error', `cut at ${length}`)
    assert.equal(events.filter(({ type }) => type === 'error').length, 1)
    assert.ok(!kinds(events).includes('finish'))
    if (last.type === 'error') assert.equal(last.error.code, 'upstream_stream_truncated')
  }
  assert.deepEqual(kinds(eventsOf(whole)).slice(-2), ['finish', 'usage'])
})

test('nothing is said after an error', () => {
  const decoder = dialect.createDecoder(context())
  const error = frame({ error: { code: 500, message: 'Broken', status: 'INTERNAL' } })
  assert.deepEqual(kinds(decoder.push(Buffer.from(error + says('x', 'STOP')))), ['error'])
  assert.deepEqual(decoder.push(Buffer.from(says('x', 'STOP'))), [])
  assert.deepEqual(decoder.end(), [])
})

test('events that are no objects are errors', () => {
  for (const data of ['nonsense', '7', '"text"', 'null', '[7]']) {
    const events = eventsOf(`${says('Hel')}data: ${data}\n\n${says('lo', 'STOP')}`)
    const last = events.at(-1)
    assert.equal(last?.type === 'error' && last.error.code, 'upstream_invalid_response', data)
  }
})

test('a choice has one role and one finish, however often the provider says so', () => {
  const events = eventsOf(says('a', 'STOP') + says('b', 'STOP') + says('', 'STOP'))
  assert.deepEqual(kinds(events), ['start', 'role', 'text-delta', 'text-delta', 'finish', 'usage'])
})

test('members of unexpected kinds do no harm', () => {
  const odd = [
    { candidates: 'none' },
    { candidates: [{ content: 'text' }, 7, null] },
    { candidates: [{ content: { parts: [null, 7, { functionCall: 'x' }, { inlineData: {} }] } }] },
    { candidates: [{ content: { parts: [{ functionCall: { name: '', args: 7 } }] } }] },
    { candidates: [{ groundingMetadata: { groundingChunks: [null], groundingSupports: [{}] } }] },
    {
      candidates: [
        { citationMetadata: { citations: [7] }, logprobsResult: { chosenCandidates: 1 } },
      ],
    },
    { usageMetadata: { promptTokenCount: 'many', promptTokensDetails: [null] } },
    { promptFeedback: { blockReason: '' } },
  ]
  const events = eventsOf(odd.map(frame).join('') + says('ok', 'STOP'))
  // The grounding is passed on as it is, whatever it holds.
  const expected = ['start', 'role', 'text-delta', 'other-delta', 'finish', 'usage']
  assert.deepEqual(kinds(events), expected)
})

test('a call that is still open at the end is said as far as it came', () => {
  const parts = [{ functionCall: { name: 'look', willContinue: true } }]
  const more = [
    { functionCall: { partialArgs: [{ jsonPath: '$.a', stringValue: 'x' }], willContinue: true } },
  ]
  const events = eventsOf(
    frame({ candidates: [{ content: { parts } }] }) +
      frame({ candidates: [{ content: { parts: more }, finishReason: 'STOP' }] }),
  )
  const found = events.filter(({ type }) => type.startsWith('tool-call') || type === 'finish')
  assert.deepEqual(found, [
    { type: 'tool-call-start', choice: 0, call: 0, id: 'call_n2', name: 'look', kind: 'function' },
    { type: 'tool-call-delta', choice: 0, call: 0, arguments: '{"a":"x"}' },
    { type: 'finish', choice: 0, reason: 'tool_calls' },
  ])
})

test('one long event in small pieces and many short ones take time in proportion', () => {
  const long = says('x'.repeat(4_000_000), 'STOP')
  assert.equal(eventsOf(long, 1000).length, 5)
  const many = says('x').repeat(20_000) + says('', 'STOP')
  assert.equal(eventsOf(many, 4096).length, 20_004)
})

test('the tool that stands for the form of an answer is its content, and only once', () => {
  const parts = [
    { functionCall: { name: 'shape', args: { a: 1 } } },
    { functionCall: { name: 'shape', args: { a: 2 } } },
  ]
  const body = Buffer.from(
    JSON.stringify({ candidates: [{ content: { parts }, finishReason: 'STOP' }] }),
  )
  const [choice] = dialect.decodeReply(body, context('shape')).choices
  assert.equal(choice?.content, '{"a":1}')
  assert.equal(choice?.toolCalls, undefined)
  assert.equal(choice?.finishReason, 'stop')
})

test('a member called __proto__ is a member', () => {
  const parts = [
    {
      functionCall: {
        name: 'look',
        partialArgs: [{ jsonPath: "$['__proto__'].a", numberValue: 1 }],
      },
    },
  ]
  const body = Buffer.from(
    JSON.stringify({ candidates: [{ content: { parts }, finishReason: 'STOP' }] }),
  )
  const [choice] = dialect.decodeReply(body, context()).choices
  assert.equal(choice?.toolCalls?.[0]?.arguments, '{"__proto__":{"a":1}}')
  assert.equal(({} as { a?: number }).a, undefined)
})
