import assert from 'node:assert/strict'
import test from 'node:test'
import { GatewayError } from '../../core/errors.ts'
import { decodeRequest } from '../openai-chat/request.ts'
import { type Conversation, readConversation, textOf } from './conversation.ts'
import { Omissions } from './omissions.ts'

function read(...messages: readonly object[]): Conversation & { dropped: readonly string[] } {
  const omissions = new Omissions('Somebody', false)
  const { messages: read } = decodeRequest(Buffer.from(JSON.stringify({ messages })))
  const conversation = readConversation(read, omissions)
  return { ...conversation, dropped: omissions.dropped }
}
const user = (content: unknown) => ({ role: 'user', content })
const calls = (...named: readonly (readonly [string, string])[]) => ({
  role: 'assistant',
  content: null,
  tool_calls: named.map(([id, name]) => ({
    id,
    type: 'function',
    function: { name, arguments: '{}' },
  })),
})
const result = (tool_call_id: string, content = 'r') => ({ role: 'tool', tool_call_id, content })
const resultsOf = ({ turns }: Conversation) =>
  turns.flatMap((turn) => (turn.role === 'user' ? turn.results : []))

test('everything keeps the place where the caller wrote it', () => {
  const thoughts = { reasoning_details: [{ type: 'reasoning.text', text: 'Hm.' }] }
  const { turns, instructions } = read(
    { role: 'system', content: [{ type: 'text', text: 'Be' }, 'brief'] },
    user('Hi'),
    { ...calls(['a', 'f'], ['b', 'g']), ...thoughts },
    result('b'),
    { role: 'developer', content: 'Now.' },
    result('a'),
    user([
      { type: 'text', text: 'x' },
      { type: 'image_url', image_url: { url: 'https://x.y' } },
    ]),
  )
  assert.deepEqual(
    instructions.map(({ at }) => at),
    ['messages[0].content[0]', 'messages[0].content[1]', 'messages[4].content'],
  )
  const [first, second, third] = turns
  assert.ok(first?.role === 'user' && second?.role === 'assistant' && third?.role === 'user')
  assert.deepEqual(
    [
      ...first.parts,
      ...second.toolCalls,
      ...second.reasoning,
      ...third.results,
      ...third.parts,
    ].map(({ at }) => at),
    [
      'messages[1].content',
      'messages[2].tool_calls[0]',
      'messages[2].tool_calls[1]',
      'messages[2].reasoning_details[0]',
      'messages[3]',
      'messages[5]',
      'messages[6].content[0]',
      'messages[6].content[1]',
    ],
  )
})

test('a call without a result gets one that says so, once the conversation goes on', () => {
  const given = read(user('Hi'), calls(['a', 'f'], ['b', 'g']), result('a'), user('Go on'))
  assert.deepEqual(
    resultsOf(given).map(({ callId, name, extra }) => [callId, name, extra]),
    [
      ['a', 'f', {}],
      ['b', 'g', { is_error: true }],
    ],
  )
  assert.deepEqual(resultsOf(read(user('Hi'), calls(['a', 'f']))), [])
})

test('results find their tools also where ids are empty, or come again', () => {
  const named = (conversation: Conversation) => resultsOf(conversation).map(({ name }) => name)
  const empty = read(user('Hi'), calls(['', 'f'], ['', 'g']), result(''), result(''))
  assert.deepEqual(named(empty), ['f', 'g'])
  const again = read(user('Hi'), calls(['0', 'f']), result('0'), calls(['0', 'g']), result('0'))
  assert.deepEqual(named(again), ['f', 'g'])
})

test('a last message of the user that says nothing is told to be empty', () => {
  for (const content of ['', ' \n', [], null, [{ type: 'text', text: '' }]]) {
    const last = read(user('Hi'), { role: 'assistant', content: 'Yes?' }, user(content)).turns[2]
    assert.ok(last?.role === 'user')
    assert.match(textOf(last.parts), /\(empty\)$/)
  }
  const { turns } = read(user('Hi'), calls(['a', 'f']), result('a', ''))
  assert.deepEqual(turns[2]?.parts, [])
})

test('messages that say nothing at all are refused', () => {
  assert.throws(
    () => read({ role: 'system', content: '' }),
    (thrown) => thrown instanceof GatewayError && thrown.facts.param === 'messages',
  )
})

test('what other gateways and clients leave in a message is passed over where it is empty', () => {
  const message = { function_call: null, annotations: [], refusal: null, audio: null, name: '' }
  const odd = { provider_specific_fields: null, thinking_blocks: [{ thinking: 'Hm.' }] }
  const answer = { role: 'assistant', content: 'x', tool_calls: null, ...message, ...odd }
  assert.deepEqual(read(user('Hi'), answer, user('b')).dropped, ['messages[1].thinking_blocks'])
})
