import assert from 'node:assert/strict'
import test from 'node:test'
import OpenAI from 'openai'
import { Compile } from 'typebox/compile'
import { fc } from '../../tests/support/properties.ts'
import { ChatChunkSchema, ChatReplySchema } from '../wire/openai-chat/reply-schema.ts'
import { demoModels, demoReply } from './demo.ts'
import type { DemoScript } from './demo-script.ts'

const facts = { id: '0190', createdAt: 1_700_000_000 }
const replySchema = Compile(ChatReplySchema)
const chunkSchema = Compile(ChatChunkSchema)
const user = (content: unknown) => ({ role: 'user', content })

const ask = (fields: object) =>
  demoReply(
    new TextEncoder().encode(JSON.stringify({ model: 'hello', messages: [user('hi')], ...fields })),
    facts,
  )

const textOf = (script: DemoScript) =>
  script.frames.map((frame) => new TextDecoder().decode(frame.bytes)).join('')

interface Reply {
  choices: {
    index: number
    message: {
      content: string | null
      refusal: null
      tool_calls?: { id: string; type: string; function: { name: string; arguments: string } }[]
    }
    finish_reason: string
    logprobs: null
  }[]
  usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number }
}

function reply(fields: object): Reply {
  const script = ask(fields)
  const value = JSON.parse(textOf(script)) as Reply
  assert.equal(script.status, 200)
  assert.ok(replySchema.Check(value as unknown), JSON.stringify(replySchema.Errors(value)))
  return value
}

function only(fields: object) {
  const { choices } = reply(fields)
  assert.equal(choices.length, 1)
  assert.ok(choices[0])
  return choices[0]
}

function failure(fields: object) {
  const script = ask(fields)
  return { status: script.status, headers: script.headers, ...JSON.parse(textOf(script)) }
}

function events(fields: object): { choices: { delta: { content?: string | null } }[] }[] {
  const lines = textOf(ask({ stream: true, ...fields })).split('\n\n')
  assert.deepEqual(lines.slice(-2), ['data: [DONE]', ''])
  return lines.slice(0, -2).map((line) => {
    assert.ok(line.startsWith('data: '))
    const chunk = JSON.parse(line.slice(6))
    assert.ok(chunkSchema.Check(chunk as unknown), JSON.stringify(chunkSchema.Errors(chunk)))
    return chunk
  })
}

const weather = {
  type: 'function',
  function: {
    name: 'weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 2 } },
      required: ['city', 'days'],
    },
  },
}
const clock = { type: 'function', function: { name: 'clock' } }
const called = [
  user('How is the weather?'),
  { role: 'assistant', content: null, tool_calls: [] },
  { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
]

test('hello greets, echoes the last words of the user and says how to go on', () => {
  const choice = only({ messages: [user('first'), user([{ type: 'text', text: 'second' }])] })
  assert.match(
    choice.message.content ?? '',
    /^Hello from Sluice's offline demo model\. You said: "second"\. Set /,
  )
  assert.equal(choice.finish_reason, 'stop')
  assert.equal(choice.message.refusal, null)
  assert.equal(choice.logprobs, null)
})

test('every listed model answers, streams and fails in the shape of OpenAI, always the same', () => {
  for (const model of demoModels) {
    for (const stream of [false, true]) {
      const script = ask({ model, stream, seed: 2 })
      assert.deepEqual(ask({ model, stream, seed: 2 }), script)
      assert.equal(script.status, Number(/^error-(\d+)$/.exec(model)?.[1] ?? 200), model)
      const kind = script.status === 200 && stream ? 'text/event-stream' : 'application/json'
      assert.ok(script.headers['content-type']?.startsWith(kind), model)
    }
  }
})

test('the pieces of a stream are the text of the whole answer', () => {
  for (const model of ['hello', 'stream', 'json', 'vision', 'pricey']) {
    const pieces = events({ model }).map((event) => event.choices[0]?.delta.content ?? '')
    assert.equal(pieces.join(''), only({ model }).message.content)
  }
})

test('the usage chunk comes only when asked for, with no choices, and equals the usage of the whole answer', () => {
  const without = events({})
  assert.ok(without.every((event) => !('usage' in event) && event.choices.length === 1))
  const asked = events({ stream_options: { include_usage: true } })
  assert.equal(asked.length, without.length + 1)
  assert.ok(asked.slice(0, -1).every((event) => 'usage' in event && event.usage === null))
  const last = asked.at(-1)
  assert.ok(last !== undefined && 'usage' in last)
  assert.deepEqual(last.choices, [])
  assert.deepEqual(last.usage, reply({}).usage)
})

test('the usage adds up and grows with the prompt', () => {
  const short = reply({}).usage
  const long = reply({ messages: [user('one two three four five')] }).usage
  assert.equal(short.total_tokens, short.prompt_tokens + short.completion_tokens)
  assert.equal(long.prompt_tokens, short.prompt_tokens + 4)
})

test('the first offered tool is called with arguments that satisfy its schema', () => {
  for (const model of ['hello', 'stream', 'json']) {
    const choice = only({ model, tools: [weather, clock] })
    assert.equal(choice.finish_reason, 'tool_calls')
    assert.equal(choice.message.content, null)
    assert.deepEqual(
      choice.message.tool_calls?.map((call) => [
        call.type,
        call.function.name,
        JSON.parse(call.function.arguments),
      ]),
      [['function', 'weather', { city: 'city', days: 2 }]],
    )
  }
})

test('the tools model calls every offered tool, unless calls must not be parallel', () => {
  const calls = only({ model: 'tools', tools: [weather, clock] }).message.tool_calls ?? []
  assert.deepEqual(
    calls.map((call) => call.function.name),
    ['weather', 'clock'],
  )
  assert.notEqual(calls[0]?.id, calls[1]?.id)
  const one = only({ model: 'tools', tools: [weather, clock], parallel_tool_calls: false })
  assert.equal(one.message.tool_calls?.length, 1)
})

test('after the result of a tool the answer is text that repeats it, unless a call is required', () => {
  assert.match(only({ tools: [weather], messages: called }).message.content ?? '', /sunny/)
  const again = only({ tools: [weather], messages: called, tool_choice: 'required' })
  assert.equal(again.finish_reason, 'tool_calls')
})

test('tool_choice none, named, allowed and required are honoured', () => {
  const tools = [weather, clock]
  const nameFor = (tool_choice: unknown) =>
    only({ tools, tool_choice }).message.tool_calls?.[0]?.function.name
  assert.equal(nameFor('none'), undefined)
  assert.equal(nameFor('auto'), 'weather')
  assert.equal(nameFor({ type: 'function', function: { name: 'clock' } }), 'clock')
  const allowed = { mode: 'required', tools: [clock] }
  assert.equal(nameFor({ type: 'allowed_tools', allowed_tools: allowed }), 'clock')
  for (const choice of ['required', { type: 'function', function: { name: 'clock' } }]) {
    const refused = failure({ tools: [], tool_choice: choice })
    assert.deepEqual([refused.status, refused.error.param], [400, 'tool_choice'])
  }
})

test('a custom tool gets its input as plain text', () => {
  const { message } = only({ tools: [{ type: 'custom', custom: { name: 'shell' } }] })
  const [call] = message.tool_calls ?? []
  assert.partialDeepStrictEqual(call, { type: 'custom', custom: { name: 'shell', input: 'demo' } })
})

test('an answer follows the schema of response_format', () => {
  const scalar = fc.constantFrom('string', 'integer', 'number', 'boolean').map((type) => ({ type }))
  fc.assert(
    fc.property(fc.dictionary(fc.string(), scalar), (properties) => {
      const schema = { type: 'object', properties, required: Object.keys(properties) }
      const format = { type: 'json_schema', json_schema: { name: 'answer', schema } }
      const { content } = only({ response_format: format }).message
      assert.ok(Compile(schema).Check(JSON.parse(content ?? '')))
    }),
    { numRuns: 50 },
  )
})

test('json_object and the json model answer with an object', () => {
  for (const fields of [{ response_format: { type: 'json_object' } }, { model: 'json', n: 1 }]) {
    assert.deepEqual(JSON.parse(only(fields).message.content ?? ''), { reply: 'hi' })
  }
})

test('n gives as many answers, which take turns in a stream', () => {
  const { choices } = reply({ n: 3 })
  assert.deepEqual(
    choices.map((choice) => choice.index),
    [0, 1, 2],
  )
  assert.equal(new Set(choices.map((choice) => choice.message.content)).size, 3)
  const turns = events({ n: 2 }).map((event) => (event.choices[0] as { index?: number }).index)
  assert.deepEqual(turns.slice(0, 4), [0, 1, 0, 1])
  for (const n of [0, -1, 1.5, 129]) assert.equal(failure({ n }).error.param, 'n')
})

test('both spellings of the token limit end the answer with length', () => {
  for (const field of ['max_tokens', 'max_completion_tokens']) {
    const { choices, usage } = reply({ [field]: 3 })
    assert.equal(choices[0]?.finish_reason, 'length')
    assert.equal(choices[0]?.message.content, "Hello from Sluice's")
    assert.equal(usage.completion_tokens, 3)
    assert.equal(only({ [field]: 1_000 }).finish_reason, 'stop')
  }
  assert.equal(only({ tools: [weather], max_tokens: 1 }).finish_reason, 'length')
})

test('writing ends before a stop text, the earliest of several', () => {
  assert.equal(only({ stop: ' offline' }).message.content, "Hello from Sluice's")
  const choice = only({ stop: ['demo', ' from', 'nowhere'] })
  assert.equal(choice.message.content, 'Hello')
  assert.equal(choice.finish_reason, 'stop')
})

test('vision tells how many images of which kinds it saw', () => {
  const image = (url: string) => ({ type: 'image_url', image_url: { url } })
  const content = [image('data:image/png;base64,AAAA'), image('https://example.com/a.jpg')]
  const choice = only({ model: 'vision', messages: [user(content)] })
  assert.equal(choice.message.content, 'I saw 2 images (image/png, a link).')
})

test('slow models begin late, and the stream model paces its words', () => {
  const pauses = (model: string, stream: boolean) =>
    ask({ model, stream }).frames.map((frame) => frame.afterMs)
  assert.deepEqual(pauses('slow', false), [3_000])
  assert.equal(pauses('slow-60s', true)[0], 60_000)
  const paced = pauses('stream', true)
  assert.equal(paced[0], 0)
  assert.ok(paced.slice(1, -2).every((pause) => pause === 33))
  assert.deepEqual(pauses('stream', false), [0])
})

test('flaky fails by an odd seed, and without a seed by the words of the user', () => {
  assert.deepEqual(
    [0, 1, 2, 3].map((seed) => ask({ model: 'flaky', seed }).status),
    [200, 503, 200, 503],
  )
  const statuses = Array.from(
    { length: 32 },
    (_, index) => ask({ model: 'flaky', messages: [user(`try ${index}`)] }).status,
  )
  assert.deepEqual(new Set(statuses), new Set([200, 503]))
})

test('a broken stream has begun, has no finish and no [DONE]', () => {
  for (const [model, end] of [
    ['cut-stream', 'cut'],
    ['stall-stream', 'stall'],
  ]) {
    const script = ask({ model, stream: true })
    assert.equal(script.end, end)
    assert.ok(script.frames.length > 10)
    assert.match(textOf(script), /"content":"This"/)
    assert.doesNotMatch(textOf(script), /\[DONE\]|"finish_reason":"/)
    assert.throws(() => JSON.parse(textOf(ask({ model }))), SyntaxError)
  }
})

test('error-NNN and NNN answer with that status and an error as OpenAI shapes it', () => {
  for (const model of ['error-429', '429']) {
    const limited = failure({ model })
    assert.equal(limited.status, 429)
    assert.equal(limited.headers['retry-after'], undefined)
    assert.deepEqual([limited.error.type, limited.error.code], ['requests', 'rate_limit_exceeded'])
  }
  assert.equal(failure({ model: 'error-401' }).error.code, 'invalid_api_key')
  assert.equal(failure({ model: '500' }).error.type, 'server_error')
  assert.equal(failure({ model: 'error-418' }).status, 418)
  assert.equal(failure({ model: 'error-399' }).status, 404)
})

test('an unknown model is a 404 that names the ones there are', () => {
  for (const model of ['gpt-4o', 'toString', '__proto__', '']) {
    const refused = failure({ model })
    assert.equal(refused.status, 404)
    assert.equal(refused.error.code, 'model_not_found')
    assert.match(refused.error.message, /hello, stream, tools/)
  }
})

test('what is no chat request is a 400 that names the field', () => {
  const raw = (text: string) => {
    const script = demoReply(new TextEncoder().encode(text), facts)
    return [script.status, JSON.parse(textOf(script)).error.param]
  }
  assert.deepEqual(raw('{'), [400, null])
  assert.deepEqual(raw('[]'), [400, null])
  assert.deepEqual(raw('{"messages":[{"role":"user"}]}'), [400, 'model'])
  assert.deepEqual(raw('{"model":"hello","messages":[]}'), [400, 'messages'])
})

test('no request, however strange, makes it throw', () => {
  const names = [
    'messages',
    'tools',
    'tool_choice',
    'n',
    'stop',
    'max_tokens',
    'response_format',
    'seed',
    'stream',
  ]
  const strange = fc.dictionary(fc.constantFrom(...names), fc.jsonValue())
  fc.assert(
    fc.property(fc.constantFrom(...demoModels), strange, (model, fields) => {
      const script = ask({ model, ...fields, ...(typeof fields['n'] === 'number' && { n: 2 }) })
      assert.ok(script.frames.length > 0)
    }),
  )
})

test('a long prompt is echoed only in part', () => {
  const script = ask({ messages: [user('🙂'.repeat(100_000))] })
  assert.ok(textOf(script).length < 3_000)
  assert.match(textOf(script), /🙂…/)
})

function clientOf(): OpenAI {
  const answer = async (_url: unknown, init?: { body?: unknown }) => {
    const script = demoReply(new TextEncoder().encode(String(init?.body)), facts)
    return new Response(textOf(script), { status: script.status, headers: script.headers })
  }
  return new OpenAI({
    apiKey: 'none',
    baseURL: 'http://127.0.0.1:1/v1',
    fetch: answer,
    maxRetries: 0,
  })
}

test("OpenAI's own client understands answers, streams of tool calls and errors", async () => {
  const { completions } = clientOf().chat
  const messages = [{ role: 'user' as const, content: 'hi' }]
  const whole = await completions.create({ model: 'hello', messages })
  assert.match(whole.choices[0]?.message.content ?? '', /^Hello/)
  const stream = completions.stream({
    model: 'tools',
    messages,
    tools: [{ type: 'function', function: weather.function }],
  })
  const final = await stream.finalChatCompletion()
  const [call] = final.choices[0]?.message.tool_calls ?? []
  assert.ok(call?.type === 'function')
  assert.deepEqual(JSON.parse(call.function.arguments), { city: 'city', days: 2 })
  await assert.rejects(completions.create({ model: 'error-429', messages }), OpenAI.RateLimitError)
})
