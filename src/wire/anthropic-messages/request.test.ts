import assert from 'node:assert/strict'
import test from 'node:test'
import {
  type Body,
  call,
  calls,
  encode,
  type Options,
  refusedParam,
  result,
  say,
  tool,
  user,
} from '../../../tests/dialects/anthropic-messages-rig.ts'
import type { ChatMessage } from '../../core/chat.ts'
import { bedrockVariant, vertexVariant } from './variant.ts'

test('thoughts go back to the place they had, and those of other providers stay behind', () => {
  const thought = (index: number, format = 'anthropic-claude-v1') => ({
    type: 'reasoning.text',
    text: `thought ${index}`,
    signature: `s${index}`,
    format,
    index,
  })
  const hidden = { type: 'reasoning.encrypted', data: 'D', format: 'anthropic-claude-v1', index: 1 }
  const details = [thought(0), hidden, thought(4), thought(5, 'google-gemini-v1')]
  const turn: ChatMessage = {
    ...calls(call('a', '{}'), call('b', '{}')),
    content: 'Said.',
    extra: { reasoning_details: details },
  }
  const messages = [user('Hi'), turn, result('a', '1'), result('b', '2')]
  const { body, dropped } = encode({ messages, reasoningEffort: 'low' })
  const said = JSON.parse(Buffer.from(body).toString()) as Body
  assert.deepEqual(said.messages[1]?.['content'], [
    { type: 'thinking', thinking: 'thought 0', signature: 's0' },
    { type: 'redacted_thinking', data: 'D' },
    { type: 'text', text: 'Said.' },
    { type: 'tool_use', id: 'a', name: 'look', input: {} },
    { type: 'thinking', thinking: 'thought 4', signature: 's4' },
    { type: 'tool_use', id: 'b', name: 'look', input: {} },
  ])
  assert.deepEqual(dropped, ['messages[1].reasoning_details[3]'])
  assert.ok(said['thinking'])
})

test('ids of calls are made ones that the provider takes, each once, and results follow them', () => {
  const messages = [
    user('Hi'),
    calls(call('f:0', '{}'), call('f:1', 'not JSON')),
    result('f:1', 'one'),
    result('f:0', 'zero'),
    calls(call('f:0', '{"again":true}')),
    result('f:0', 'zero again'),
  ]
  const said = say({ messages }).messages.map(({ content }) => content)
  assert.deepEqual(said.slice(1), [
    [
      { type: 'tool_use', id: 'f_0', name: 'look', input: {} },
      { type: 'tool_use', id: 'f_1', name: 'look', input: { INVALID_JSON: 'not JSON' } },
    ],
    [
      { type: 'tool_result', tool_use_id: 'f_1', content: 'one' },
      { type: 'tool_result', tool_use_id: 'f_0', content: 'zero' },
    ],
    [{ type: 'tool_use', id: 'f_0_2', name: 'look', input: { again: true } }],
    [{ type: 'tool_result', tool_use_id: 'f_0_2', content: 'zero again' }],
  ])
})

test('a call without a result gets one that says so, before what the user says', () => {
  const messages = [
    user('Hi'),
    calls(call('a', '{}'), call('b', '{}')),
    user('Never mind.'),
    result(
      'b',
      [
        {
          type: 'other',
          part: { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } },
        },
      ],
      {
        is_error: true,
      },
    ),
  ]
  assert.deepEqual(say({ messages }).messages[2]?.['content'], [
    {
      type: 'tool_result',
      tool_use_id: 'b',
      content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA' } }],
      is_error: true,
    },
    {
      type: 'tool_result',
      tool_use_id: 'a',
      content: 'There is no result of this call.',
      is_error: true,
    },
    { type: 'text', text: 'Never mind.' },
  ])
})

test('blank text is left out, and the last word of the assistant does not end in a space', () => {
  const assistant = (content: string): ChatMessage => ({ role: 'assistant', content, extra: {} })
  const messages = [user(' \n'), user('Count.'), assistant(''), user('Go.'), assistant('One, \n')]
  assert.deepEqual(say({ messages }).messages, [
    { role: 'user', content: 'Count.' },
    { role: 'user', content: 'Go.' },
    { role: 'assistant', content: 'One,' },
  ])
})

test('instructions alone are what the user says', () => {
  const body = say({ messages: [{ role: 'system', content: 'Tell a joke.', extra: {} }] })
  assert.deepEqual(body.messages, [{ role: 'user', content: 'Tell a joke.' }])
  assert.equal(body['system'], undefined)
})

const part = (wire: object): ChatMessage =>
  user([{ type: 'other', part: wire as Readonly<Record<string, unknown>> }])
const content = (wire: object, options?: Options): unknown =>
  say({ messages: [part(wire)] }, options).messages[0]?.['content']
const file = (inner: object) => ({ type: 'file', file: inner })

test('files are documents: PDF, text and links; images among them are images', () => {
  const csv = Buffer.from('a;b\n1;ü').toString('base64')
  assert.deepEqual(content(file({ filename: 'n.csv', file_data: csv })), [
    {
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: 'a;b\n1;ü' },
      title: 'n.csv',
    },
  ])
  assert.deepEqual(content(file({ file_data: 'https://files.example/n.pdf' })), [
    { type: 'document', source: { type: 'url', url: 'https://files.example/n.pdf' } },
  ])
  assert.deepEqual(content(file({ file_data: 'data:image/jpg;base64,AA' })), [
    { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'AA' } },
  ])
  const word = file({ filename: 'n.docx', file_data: 'AA' })
  assert.equal(refusedParam({ messages: [part(word)] }), 'messages[0].content[0].file')
})

test('a file that was handed in before is named, with the header that needs', () => {
  const { body, headers } = encode({ messages: [part(file({ file_id: 'file_01' }))] })
  const said = JSON.parse(Buffer.from(body).toString()) as Body
  assert.deepEqual(said.messages[0]?.['content'], [
    { type: 'document', source: { type: 'file', file_id: 'file_01' } },
  ])
  assert.deepEqual(headers, { 'anthropic-beta': 'files-api-2025-04-14' })
  assert.equal(encode({}).headers, undefined)
})

test("the provider's own parts and marks pass", () => {
  const found = { type: 'search_result', source: 'https://x.example', title: 'X', content: [] }
  assert.deepEqual(content(found), [found])
  const marked = user([
    { type: 'text', text: 'Hi', extra: { cache_control: { type: 'ephemeral' }, colour: 'red' } },
  ])
  const { body, dropped } = encode({ messages: [marked] })
  const said = JSON.parse(Buffer.from(body).toString()) as Body
  assert.deepEqual(said.messages[0]?.['content'], [
    { type: 'text', text: 'Hi', cache_control: { type: 'ephemeral' } },
  ])
  assert.deepEqual(dropped, ['messages[0].content[0].colour'])
})

test('what cannot be sent is refused, or left out and reported', () => {
  const video = part({ type: 'video_url', video_url: { url: 'https://v.example/v.mp4' } })
  assert.equal(refusedParam({ messages: [video] }), 'messages[0].content[0].video_url')
  const svg = part({ type: 'image_url', image_url: { url: 'data:image/svg+xml;base64,AA' } })
  assert.equal(refusedParam({ messages: [svg] }), 'messages[0].content[0].image_url')
  const { dropped } = encode({ messages: [user('Hi'), svg] }, { drop: true })
  assert.deepEqual(dropped, ['messages[1].content[0].image_url'])
  assert.equal(refusedParam({ stop: ['\n'] }), 'stop')
  const { body } = encode({ stop: ['\n', 'END'] }, { drop: true })
  assert.deepEqual((JSON.parse(Buffer.from(body).toString()) as Body)['stop_sequences'], ['END'])
})

test('who asks and at which tier has a word of its own', () => {
  const said = say({ extra: { safety_identifier: 's', service_tier: 'default' } })
  assert.deepEqual(said['metadata'], { user_id: 's' })
  assert.equal(said['service_tier'], 'standard_only')
  const extra = { user: 'u', safety_identifier: 's', service_tier: 'flex', metadata: { a: '1' } }
  const { dropped } = encode({ extra })
  assert.deepEqual([...dropped].sort(), ['metadata', 'safety_identifier', 'service_tier'])
})

test('on a cloud the address names the model, and links are fetched or refused', () => {
  const vertex = say({ stream: true }, { variant: vertexVariant })
  assert.equal(vertex['anthropic_version'], 'vertex-2023-10-16')
  assert.deepEqual([vertex['model'], vertex['stream']], [undefined, true])
  const bedrock = say({ stream: true }, { variant: bedrockVariant })
  assert.equal(bedrock['anthropic_version'], 'bedrock-2023-05-31')
  assert.deepEqual([bedrock['model'], bedrock['stream']], [undefined, undefined])
  const url = 'https://p.example/p.png'
  const picture = { type: 'image_url', image_url: { url } }
  const cloud = { variant: vertexVariant }
  assert.equal(
    refusedParam({ messages: [part(picture)] }, cloud),
    'messages[0].content[0].image_url',
  )
  const images = new Map([[url, { mediaType: 'image/png', base64: 'AA' }]])
  assert.deepEqual(content(picture, { ...cloud, images }), [
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA' } },
  ])
  const link = part(file({ file_data: 'https://f.example/f.pdf' }))
  assert.equal(refusedParam({ messages: [link] }, cloud), 'messages[0].content[0].file')
})

test('on Vertex, where a policy may refuse schemas, a form is said as a tool wherever one can be forced', () => {
  const schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }
  const responseFormat = { type: 'json_schema', json_schema: { name: 'x', schema } }
  const tools = [tool('look', { ...schema, additionalProperties: false }, { strict: true })]
  const cloud = encode({ responseFormat }, { variant: vertexVariant })
  assert.equal(cloud.answerTool, 'answer_as_json')
  assert.equal(encode({ responseFormat }).answerTool, null)
  const dropped = encode({ tools }, { variant: vertexVariant }).dropped
  assert.deepEqual(dropped, ['tools[0].function.strict'])
  const thinks = say({ responseFormat, reasoningEffort: 'low' }, { variant: vertexVariant })
  assert.ok(thinks['output_config'])
  const unforced = { variant: vertexVariant, model: 'claude-opus-5-5' }
  assert.ok(say({ responseFormat }, unforced)['output_config'])
})
