import assert from 'node:assert/strict'
import test from 'node:test'
import { GatewayError } from '../../src/core/errors.ts'
import type { ChatDialect } from '../../src/providers/adapter.ts'
import { anthropicMessages } from '../../src/wire/anthropic-messages/dialect.ts'
import { bedrockConverse } from '../../src/wire/bedrock-converse/dialect.ts'
import { cohereChat } from '../../src/wire/cohere-chat/dialect.ts'
import { geminiContent } from '../../src/wire/gemini/dialect.ts'
import { openaiChat } from '../../src/wire/openai-chat/dialect.ts'

// What every dialect does alike with what it cannot say: the same decision, and named as the caller counts.

const spoken: readonly (readonly [ChatDialect, string])[] = [
  [anthropicMessages(), 'claude-sonnet-4-5'],
  [bedrockConverse, 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'],
  [cohereChat, 'command-a-03-2025'],
  [geminiContent('gemini'), 'gemini-3-flash-preview'],
  [geminiContent('vertex'), 'gemini-2.5-flash'],
]

const call = (id: string, more: object = {}) => ({
  id,
  type: 'function',
  function: { name: 'look', arguments: '{}' },
  ...more,
})
const tool = (name: string, more: object = {}) => ({
  type: 'function',
  function: { name, ...more },
})
const user = (content: unknown, more: object = {}) => ({ role: 'user', content, ...more })

function droppedBy(
  [dialect, model]: readonly [ChatDialect, string],
  wire: object,
  dropUnsupported = false,
): readonly string[] {
  const body = Buffer.from(JSON.stringify({ model: 'm', messages: [user('Hi')], ...wire }))
  const options = { model, dropUnsupported, images: new Map() }
  return dialect.encodeRequest(openaiChat.request.decode(body), options).dropped
}

for (const way of spoken) {
  const [{ name }] = way

  test(`${name} names a part by its place, whether it is refused or left out`, () => {
    const hologram = { type: 'hologram', hologram: {} }
    const messages = [
      { role: 'system', content: 'Be brief.' },
      user('Hi'),
      user(['x', { type: 'text', text: 'y' }, hologram]),
    ]
    const param = 'messages[2].content[2].hologram'
    assert.throws(
      () => droppedBy(way, { messages }),
      (thrown) =>
        thrown instanceof GatewayError &&
        thrown.code === 'unsupported_parameter' &&
        thrown.facts.param === param &&
        thrown.message.includes(`"${param}"`),
    )
    assert.deepEqual(droppedBy(way, { messages }, true), [param])
  })

  test(`${name} names what stands beside messages, parts, calls and results by their places`, () => {
    const odd = { unheard_of: 1 }
    const messages = [
      { role: 'system', content: 'Be brief.' },
      user(['x', { type: 'text', text: 'y', ...odd }], { name: 'bob' }),
      { role: 'assistant', content: null, tool_calls: [call('a'), call('b', odd)], ...odd },
      { role: 'tool', tool_call_id: 'a', content: 'r' },
      { role: 'tool', tool_call_id: 'b', content: 'r', ...odd },
      { role: 'assistant', content: 'z', reasoning_details: [{ format: 'other-v1' }] },
      user('Go on'),
    ]
    const dropped = droppedBy(way, { messages }).map((param) =>
      // One dialect has no place for single thoughts.
      param.replace(/(reasoning_details)\[0\]$/, '$1'),
    )
    assert.deepEqual([...dropped].sort(), [
      'messages[1].content[1].unheard_of',
      'messages[1].name',
      'messages[2].tool_calls[1].unheard_of',
      'messages[2].unheard_of',
      'messages[4].unheard_of',
      'messages[5].reasoning_details',
    ])
  })

  test(`${name} names tools as the caller counts them, also those it refuses`, () => {
    const odd = { ...tool('odd'), unheard_of: 1 }
    const tools = [tool('a'), { type: 'custom', custom: { name: 'shell' } }, odd]
    assert.throws(
      () => droppedBy(way, { tools }),
      (thrown) => thrown instanceof GatewayError && thrown.facts.param === 'tools[1]',
    )
    const dropped = droppedBy(way, { tools }, true)
    assert.deepEqual([...dropped].sort(), ['tools[1]', 'tools[2].unheard_of'])
  })

  test(`${name} does not fail a request for what agents send with every one`, () => {
    const open = { type: 'object', properties: { a: { type: 'integer', minimum: 1 } } }
    const tools = [tool('loose', { strict: true, parameters: open })]
    const dropped = droppedBy(way, { tools, parallel_tool_calls: false })
    assert.ok(dropped.includes('tools[0].function.strict'), dropped.join())
    const canBeOne = name === 'anthropic-messages'
    assert.equal(dropped.includes('parallel_tool_calls'), !canBeOne)
    const asItIs = { tools: [tool('a')], parallel_tool_calls: true }
    assert.deepEqual(droppedBy(way, asItIs), [])
  })

  test(`${name} says a history of a thousand messages, and does not list what it left out a thousand times`, () => {
    const messages = Array.from({ length: 1000 }, (_, at) =>
      at % 2 === 0
        ? user(`Question ${at}`, { name: 'bob' })
        : { role: 'assistant', content: `Answer ${at}` },
    )
    assert.deepEqual(droppedBy(way, { messages: [...messages, user('Last')] }), ['messages[].name'])
  })
}
