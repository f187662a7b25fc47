import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI, { BadRequestError } from 'openai'
import { postBytes, rawConnect, sseData } from './raw-client.ts'
import { startUpstream } from './upstream.ts'

test('by default the official SDK gets a plain completion with usage and its headers', async () => {
  await using upstream = await startUpstream()
  const client = new OpenAI({ baseURL: `${upstream.url}/v1`, apiKey: 'sk-test', maxRetries: 0 })
  const { data, response } = await client.chat.completions
    .create({ model: 'gpt-4o', n: 2, messages: [{ role: 'user', content: 'one two' }] })
    .withResponse()
  assert.deepEqual(
    data.choices.map((choice) => choice.message.content),
    ['Echo: one two', 'Echo: one two'],
  )
  assert.equal(data.choices[0]?.finish_reason, 'stop')
  assert.equal(data.usage?.total_tokens, 5 + 6)
  assert.ok(response.headers.get('openai-organization'))
  assert.equal(response.headers.getSetCookie().length, 2)
  assert.deepEqual(upstream.credentials, ['sk-test'])
})

test('by default a stream ends in the usage only when it was asked for', async () => {
  await using upstream = await startUpstream()
  const client = new OpenAI({ baseURL: `${upstream.url}/v1`, apiKey: 'k', maxRetries: 0 })
  for (const include_usage of [true, false]) {
    const stream = await client.chat.completions.create({
      model: 'gpt-4o',
      stream: true,
      stream_options: { include_usage },
      messages: [{ role: 'user', content: 'one two' }],
    })
    let text = ''
    let usage = 0
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      usage += chunk.usage ? 1 : 0
    }
    assert.equal(text, 'Echo: one two')
    assert.equal(usage, include_usage ? 1 : 0)
    assert.equal(upstream.requests.at(-1)?.tokensEmitted, 3)
  }
})

test('by default tools are called, in pieces too, and schemas are filled', async () => {
  await using upstream = await startUpstream()
  const client = new OpenAI({ baseURL: `${upstream.url}/v1`, apiKey: 'k', maxRetries: 0 })
  const city = {
    type: 'object',
    properties: { city: { type: 'string' }, days: { type: 'integer' } },
  } as const
  const request = {
    model: 'gpt-4o',
    messages: [{ role: 'user' as const, content: 'weather' }],
    tools: [{ type: 'function' as const, function: { name: 'weather', parameters: city } }],
  }
  const filled = { city: 'sample', days: 1 }
  const plain = await client.chat.completions.create(request)
  const streamed = await client.chat.completions.stream(request).finalChatCompletion()
  for (const { choices } of [plain, streamed]) {
    assert.equal(choices[0]?.finish_reason, 'tool_calls')
    const call = choices[0]?.message.tool_calls?.[0]
    assert.ok(call?.type === 'function' && call.function.name === 'weather')
    assert.deepEqual(JSON.parse(call.function.arguments), filled)
  }
  const shaped = await client.chat.completions.create({
    model: 'gpt-4o',
    messages: request.messages,
    response_format: { type: 'json_schema', json_schema: { name: 's', schema: city } },
  })
  assert.deepEqual(JSON.parse(shaped.choices[0]?.message.content ?? ''), filled)
})

test('by default a request without messages is refused as OpenAI does', async () => {
  await using upstream = await startUpstream()
  const client = new OpenAI({ baseURL: `${upstream.url}/v1`, apiKey: 'k', maxRetries: 0 })
  await assert.rejects(
    client.chat.completions.create({ model: 'gpt-4o' } as never),
    (error) =>
      error instanceof BadRequestError &&
      error.param === 'messages' &&
      error.code === 'missing_required_parameter',
  )
})

test('by default an Azure path streams the filter results first', async () => {
  await using upstream = await startUpstream()
  using client = await rawConnect(upstream.port)
  const target = '/openai/deployments/my%2Fgpt/chat/completions'
  const payload = { stream: true, messages: [{ role: 'user', content: 'one' }] }
  await client.write(postBytes(`${target}?api-version=2024-10-21`, { 'api-key': 'az' }, payload))
  const data = sseData((await client.response()).text)
  const first = JSON.parse(data[0] ?? '')
  assert.deepEqual([first.id, first.choices, first.prompt_filter_results.length], ['', [], 1])
  assert.equal(JSON.parse(data[1] ?? '').choices[0].delta.role, 'assistant')
  assert.equal(data.at(-1), '[DONE]')
  assert.equal(upstream.requests[0]?.deployment, 'my/gpt')
  assert.deepEqual(upstream.credentials, ['az'])
  await client.write(postBytes(target, { 'api-key': 'az' }, payload))
  assert.equal((await client.response()).status, 404)
})
