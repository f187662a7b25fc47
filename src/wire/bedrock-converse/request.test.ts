import assert from 'node:assert/strict'
import test from 'node:test'
import { GatewayError } from '../../core/errors.ts'
import type { JsonObject } from '../json.ts'
import { openaiChat } from '../openai-chat/dialect.ts'
import { encodeRequest } from './request.ts'

const sonnet = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
const nova = 'us.amazon.nova-2-lite-v1:0'
const hello = { role: 'user', content: 'Hello' }
const thought = {
  type: 'reasoning.text',
  text: 'Hm.',
  signature: 'c2ln',
  format: 'bedrock-converse-v1',
  index: 0,
}
const call = (id: string, args = '{}', more: object = {}) => ({
  id,
  type: 'function',
  function: { name: 'look', arguments: args },
  ...more,
})

function say(
  wire: object,
  model = sonnet,
  more: { drop?: boolean; images?: Map<string, { mediaType: string; base64: string }> } = {},
) {
  const text = JSON.stringify({ model: 'm', messages: [hello], ...wire })
  const { body, ...rest } = encodeRequest(openaiChat.request.decode(Buffer.from(text)), {
    model,
    dropUnsupported: more.drop ?? false,
    images: more.images ?? new Map(),
  })
  const said = JSON.parse(Buffer.from(body).toString()) as Record<string, JsonObject>
  return { ...rest, body: said, messages: said['messages'] as unknown as JsonObject[] }
}

function refused(wire: object, model = sonnet): string | undefined {
  try {
    say(wire, model)
  } catch (thrown) {
    assert.ok(thrown instanceof GatewayError)
    assert.equal(thrown.code, 'unsupported_parameter')
    return thrown.facts.param
  }
  return undefined
}

test('blank text is no block, and a message of nothing else no message', () => {
  const { messages } = say({
    messages: [
      hello,
      { role: 'assistant', content: ' \n' },
      { role: 'user', content: [{ type: 'text', text: '' }] },
      { role: 'user', content: 'More' },
    ],
  })
  assert.deepEqual(messages, [{ role: 'user', content: [{ text: 'Hello' }, { text: 'More' }] }])
})

test('instructions alone are what the user says', () => {
  const { body, messages } = say({ messages: [{ role: 'system', content: 'Sing.' }] })
  assert.deepEqual(messages, [{ role: 'user', content: [{ text: 'Sing.' }] }])
  assert.equal(body['system'], undefined)
})

test('a conversation that says nothing is refused', () => {
  assert.equal(refused({ messages: [{ role: 'system', content: '' }] }), 'messages')
})

test('an empty result has content all the same, and a failure is told', () => {
  const { messages } = say({
    messages: [
      hello,
      { role: 'assistant', content: null, tool_calls: [call('a')] },
      { role: 'tool', tool_call_id: 'a', content: '', is_error: true },
    ],
  })
  assert.deepEqual(messages[2]?.['content'], [
    { toolResult: { toolUseId: 'a', content: [{ json: {} }], status: 'error' } },
  ])
})

test('pictures in a result stay in the result', () => {
  const { messages } = say({
    messages: [
      hello,
      { role: 'assistant', content: null, tool_calls: [call('a')] },
      {
        role: 'tool',
        tool_call_id: 'a',
        content: [{ type: 'image_url', image_url: { url: 'data:image/jpg;base64,AAAA' } }],
      },
    ],
  })
  const result = {
    toolUseId: 'a',
    content: [{ image: { format: 'jpeg', source: { bytes: 'AAAA' } } }],
  }
  assert.deepEqual(messages[2]?.['content'], [{ toolResult: result }])
})

test('ids that other providers made become ones that Bedrock takes, the same for call and result', () => {
  const ids = ['functions.look:0', 'functions_look_0', 'functions.look:1', 'x'.repeat(80)]
  const { messages } = say({
    messages: [
      hello,
      { role: 'assistant', content: null, tool_calls: ids.map((id) => call(id)) },
      ...ids.map((id) => ({ role: 'tool', tool_call_id: id, content: 'ok' })),
    ],
  })
  const blocks = (at: number) => messages[at]?.['content'] as Record<string, JsonObject>[]
  const called = blocks(1).map((block) => String(block['toolUse']?.['toolUseId']))
  assert.deepEqual(
    blocks(2).map((block) => block['toolResult']?.['toolUseId']),
    called,
  )
  assert.equal(new Set(called).size, ids.length)
  for (const id of called) assert.match(id, /^[a-zA-Z0-9_-]{1,64}$/)
})

test('arguments that are no object are said inside one', () => {
  const { messages } = say({
    messages: [hello, { role: 'assistant', content: null, tool_calls: [call('a', '[1')] }],
  })
  assert.deepEqual(messages[1]?.['content'], [
    { toolUse: { toolUseId: 'a', name: 'look', input: { arguments: '[1' } } },
  ])
})

test('thoughts come back before the rest of their turn, and only our own', () => {
  const redacted = { type: 'reasoning.encrypted', data: 'eHh4', format: 'bedrock-converse-v1' }
  const { messages, dropped } = say({
    messages: [
      hello,
      {
        role: 'assistant',
        content: 'Yes.',
        reasoning_details: [thought, redacted, { ...thought, format: 'anthropic-claude-v1' }],
      },
      hello,
    ],
  })
  assert.deepEqual(messages[1]?.['content'], [
    { reasoningContent: { reasoningText: { text: 'Hm.', signature: 'c2ln' } } },
    { reasoningContent: { redactedContent: 'eHh4' } },
    { text: 'Yes.' },
  ])
  assert.deepEqual(dropped, ['messages[1].reasoning_details[2]'])
})

test('cache marks stand behind what they mark: text, tools, results and instructions', () => {
  const mark = { cache_control: { type: 'ephemeral', ttl: '1h' } }
  const point = { cachePoint: { type: 'default', ttl: '1h' } }
  const { body, messages } = say({
    messages: [
      { role: 'system', content: [{ type: 'text', text: 'Long.', ...mark }] },
      { role: 'user', content: [{ type: 'text', text: 'Hello', ...mark }] },
      { role: 'assistant', content: null, tool_calls: [call('a')] },
      { role: 'tool', tool_call_id: 'a', content: [{ type: 'text', text: 'ok', ...mark }] },
    ],
    tools: [{ type: 'function', function: { name: 'look' }, ...mark }],
  })
  const marked = [
    body['system'],
    messages[0]?.['content'],
    messages[2]?.['content'],
    body['toolConfig']?.['tools'],
  ]
  for (const list of marked) {
    assert.ok(Array.isArray(list))
    assert.deepEqual(list[1], point)
  }
})

test('documents get names of allowed characters, each one of its own', () => {
  const file = (filename: string, file_data = 'data:application/pdf;base64,JVBE') => ({
    type: 'file',
    file: { filename, file_data },
  })
  const { messages } = say({
    messages: [
      {
        role: 'user',
        content: [
          file('q3: the  report, v2.final.pdf'),
          file('note.pdf'),
          file('note.pdf'),
          file('', 'data:text/csv;base64,YSxi'),
          { type: 'text', text: 'Compare.' },
        ],
      },
    ],
  })
  const blocks = messages[0]?.['content'] as Record<string, JsonObject>[]
  assert.deepEqual(
    blocks.slice(0, 4).map((block) => [block['document']?.['name'], block['document']?.['format']]),
    [
      ['q3- the report- v2-final', 'pdf'],
      ['note', 'pdf'],
      ['note (2)', 'pdf'],
      ['document', 'csv'],
    ],
  )
})

test('a link becomes the bytes that were fetched, or an address in S3', () => {
  const url = 'https://pictures.example/cat'
  const ask = (link: string) => ({
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: link } }] }],
  })
  const images = new Map([[url, { mediaType: 'image/webp', base64: 'UklG' }]])
  assert.deepEqual(say(ask(url), sonnet, { images }).messages[0]?.['content'], [
    { image: { format: 'webp', source: { bytes: 'UklG' } } },
  ])
  assert.deepEqual(say(ask('s3://bucket/cat.gif'), nova).messages[0]?.['content'], [
    { image: { format: 'gif', source: { s3Location: { uri: 's3://bucket/cat.gif' } } } },
  ])
  assert.equal(refused(ask(url)), 'messages[0].content[0].image_url')
})

test('a format that Bedrock does not have is refused', () => {
  const url = 'data:image/tiff;base64,SUkq'
  const content = [{ type: 'image_url', image_url: { url } }]
  assert.equal(
    refused({ messages: [{ role: 'user', content }] }),
    'messages[0].content[0].image_url',
  )
})

test("Bedrock's own fields pass", () => {
  const { body } = say(
    {
      top_k: 5,
      guardrail_config: { guardrailIdentifier: 'g', guardrailVersion: '1' },
      performance_config: { latency: 'optimized' },
      service_tier: 'priority',
      additional_model_request_fields: { anthropic_beta: ['x'] },
      additional_model_response_field_paths: ['/stop_sequence'],
    },
    sonnet,
  )
  assert.deepEqual(body, {
    messages: [{ role: 'user', content: [{ text: 'Hello' }] }],
    additionalModelRequestFields: { top_k: 5, anthropic_beta: ['x'] },
    serviceTier: { type: 'priority' },
    guardrailConfig: { guardrailIdentifier: 'g', guardrailVersion: '1' },
    performanceConfig: { latency: 'optimized' },
    additionalModelResponseFieldPaths: ['/stop_sequence'],
  })
  assert.deepEqual(say({ top_k: 5 }, nova).body['additionalModelRequestFields'], {
    inferenceConfig: { topK: 5 },
  })
})

test('labels that Bedrock would refuse stay behind and are reported', () => {
  assert.deepEqual(say({ metadata: { note: 'ein Gruß!' } }).dropped, ['metadata'])
  assert.deepEqual(say({ metadata: { run: '7' } }).body['requestMetadata'], { run: '7' })
})

test('what is unsupported is dropped where the operator prefers an answer', () => {
  const { body, dropped } = say({ seed: 1, n: 2 }, sonnet, { drop: true })
  assert.deepEqual(dropped, ['n', 'seed'])
  assert.deepEqual(Object.keys(body), ['messages'])
})

test('a share of everything is not said beside a temperature where a model takes only one', () => {
  const both = { temperature: 0.5, top_p: 1 }
  assert.deepEqual(say(both).body['inferenceConfig'], { temperature: 0.5 })
  assert.deepEqual(say(both, nova).body['inferenceConfig'], { temperature: 0.5, topP: 1 })
})

for (const [model, effort, fields, outputConfig] of [
  [sonnet, 'medium', { thinking: { type: 'enabled', budget_tokens: 10_240 } }, undefined],
  [
    'us.anthropic.claude-opus-4-7',
    'xhigh',
    { thinking: { type: 'adaptive', display: 'summarized' } },
    { effort: 'xhigh' },
  ],
  [nova, 'minimal', { reasoningConfig: { type: 'enabled', maxReasoningEffort: 'low' } }, undefined],
  [nova, 'none', { reasoningConfig: { type: 'disabled' } }, undefined],
  ['openai.gpt-oss-120b-1:0', 'xhigh', { reasoning_effort: 'high' }, undefined],
  ['meta.llama3-1-8b-instruct-v1:0', 'none', undefined, undefined],
] as const)
  test(`reasoning_effort "${effort}" is said to ${model}`, () => {
    const { body } = say({ reasoning_effort: effort }, model)
    assert.deepEqual(body['additionalModelRequestFields'], fields)
    assert.deepEqual(body['outputConfig'], outputConfig)
  })

test('reasoning_effort is refused where a model cannot be told', () => {
  for (const model of [
    'meta.llama3-1-8b-instruct-v1:0',
    'arn:aws:bedrock:x:1:application-inference-profile/a',
  ])
    assert.equal(refused({ reasoning_effort: 'low' }, model), 'reasoning_effort')
  assert.equal(refused({ reasoning_effort: 'none' }, 'openai.gpt-oss-20b-1:0'), 'reasoning_effort')
  assert.equal(refused({ reasoning_effort: 'vast' }, nova), 'reasoning_effort')
})

test('thinking goes on over a call only where its thought came back', () => {
  const turn = { role: 'assistant', content: null, tool_calls: [call('a')] }
  const result = { role: 'tool', tool_call_id: 'a', content: 'ok' }
  const without = say({ reasoning_effort: 'low', messages: [hello, turn, result] })
  assert.equal(without.body['additionalModelRequestFields'], undefined)
  assert.deepEqual(without.dropped, ['reasoning_effort'])
  const kept = { ...turn, reasoning_details: [thought] }
  const withThought = say({ reasoning_effort: 'low', messages: [hello, kept, result] })
  assert.ok(withThought.body['additionalModelRequestFields'])
  assert.deepEqual(withThought.dropped, [])
})
