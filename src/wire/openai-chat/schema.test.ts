import assert from 'node:assert/strict'
import test from 'node:test'
import { Compile } from 'typebox/compile'
import { ChatChunkSchema, ChatReplySchema, ErrorEnvelopeSchema } from './reply-schema.ts'
import { AzureChatRequestSchema, ChatRequestSchema } from './schema.ts'

const request = Compile(ChatRequestSchema)
const messages = [{ role: 'user', content: 'hi' }]
const accepts = (fields: object) => request.Check({ model: 'gpt-4o', messages, ...fields })

const fields: Readonly<Record<string, object>> = ChatRequestSchema.properties

test('top-level fields use only the keywords that the check of a request reads', () => {
  const known = [
    'type',
    'anyOf',
    'minimum',
    'maximum',
    'minItems',
    'items',
    'properties',
    'description',
  ]
  for (const [name, schema] of Object.entries(fields)) {
    for (const key of Object.keys(schema)) assert.ok(known.includes(key), `${name}: ${key}`)
    assert.ok('type' in schema || 'anyOf' in schema, name)
  }
})

test('every field but model and messages may be absent or null', () => {
  assert.ok(accepts({}))
  for (const name of Object.keys(fields)) {
    const required = name === 'model' || name === 'messages'
    assert.equal(accepts({ [name]: null }), !required, name)
    const { [name]: _, ...rest } = { model: 'gpt-4o', messages, [name]: null }
    assert.equal(request.Check(rest), !required, name)
  }
})

test('unknown fields pass, at every depth', () => {
  assert.ok(accepts({ top_k: 5, extra_body: { a: [1] } }))
  const parts = [{ type: 'document', document: { url: 'x' }, cache_control: { type: 'ephemeral' } }]
  assert.ok(accepts({ messages: [{ role: 'critic', content: parts, mood: 'good' }] }))
  assert.ok(accepts({ tools: [{ type: 'web_search', web_search: {} }] }))
})

test('all forms of stop, tool_choice, content and images pass', () => {
  for (const stop of ['\n', ['a', 'b'], []]) assert.ok(accepts({ stop }))
  for (const tool_choice of ['auto', { type: 'function', function: { name: 'f' } }]) {
    assert.ok(accepts({ tool_choice }))
  }
  const image = (image_url: unknown) => ({ type: 'image_url', image_url })
  const images = [image({ url: 'https://example.com/a.png' }), image('data:image/png;base64,AA')]
  for (const content of ['hi', null, [], [{ type: 'text', text: 'hi' }], images]) {
    assert.ok(accepts({ messages: [{ role: 'assistant', content }] }))
  }
})

test('wrong types and values out of bounds are refused', () => {
  for (const wrong of [
    { messages: 'hi' },
    { messages: [] },
    { messages: ['hi'] },
    { messages: [{ content: 'no role' }] },
    { messages: [{ role: 'user', content: 7 }] },
    { model: 7 },
    { stream: 'true' },
    { n: 0 },
    { n: 1.5 },
    { max_tokens: 0.5 },
    { max_completion_tokens: '100' },
    { temperature: 2.1 },
    { temperature: '1' },
    { top_p: -0.1 },
    { presence_penalty: -2.5 },
    { top_logprobs: 21 },
    { stop: 3 },
    { stop: [3] },
    { tools: {} },
    { tool_choice: true },
    { response_format: 'json' },
    { stream_options: { include_usage: 'yes' } },
    { fallbacks: 'openai/gpt-4o' },
  ]) {
    assert.equal(accepts(wrong), false, JSON.stringify(wrong))
  }
})

test('how many tokens are too few is for the provider to say: some servers read -1 as no limit', () => {
  for (const tokens of [0, -1]) {
    assert.ok(accepts({ max_tokens: tokens }))
    assert.ok(accepts({ max_completion_tokens: tokens }))
  }
})

test('at a deployment the model may be absent', () => {
  assert.ok(Compile(AzureChatRequestSchema).Check({ messages }))
  assert.ok(!Compile(AzureChatRequestSchema).Check({ model: 'gpt-4o' }))
})

test('answers may be empty of choices, as those of a waiting job are, and hold fields we do not know', () => {
  const head = { id: 'x', created: 1, model: 'm' }
  const reply = {
    ...head,
    object: 'chat.completion',
    choices: [],
    citations: ['https://example.com'],
  }
  assert.ok(Compile(ChatReplySchema).Check(reply))
  assert.ok(!Compile(ChatReplySchema).Check({ ...reply, object: 'chat.completion.chunk' }))
  const delta = {
    role: 'assistant',
    reasoning_content: 'hm',
    tool_calls: [{ index: 0, function: {} }],
  }
  const chunk = {
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason: null }],
    usage: null,
  }
  assert.ok(Compile(ChatChunkSchema).Check(chunk))
})

test('the envelope of an error holds what both families of clients read', () => {
  const error = {
    message: 'no',
    type: 'invalid_request_error',
    param: null,
    code: 'invalid_request',
  }
  const envelope = { error, is_bifrost_error: false, status_code: 400, type: 'x', extra_fields: {} }
  assert.ok(Compile(ErrorEnvelopeSchema).Check(envelope))
  const { status_code: _, ...incomplete } = envelope
  assert.ok(!Compile(ErrorEnvelopeSchema).Check(incomplete))
})
