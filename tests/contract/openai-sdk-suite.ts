import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import OpenAI, { AzureOpenAI } from 'openai'
import type { ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources'
import type { SeenRequest } from '../support/upstream-request.ts'
import { keys, type Stage, upstreamKeys } from './stage.ts'

type Options = ConstructorParameters<typeof OpenAI>[0]

export interface Flavour {
  readonly name: string
  /** The official client, pointed at the gateway. Nothing is retried unless told. */
  open(options?: Options): OpenAI
  /** What a caller writes as the model for a model of that name upstream. */
  model(upstream: string): string
  readonly upstreamKey: string
  /** A model that may ask for a pause: nobody else comes with the key it is asked with, once for either way. */
  limited(way: 'plain' | 'streamed', name: string): string
}

/** Every way of pointing an official client at the gateway that people use. */
export function flavoursOf({ gateway }: Stage): readonly Flavour[] {
  const usual = { apiKey: keys.open, maxRetries: 0 }
  const openai = ['/openai', '/openai/v1', '/v1', ''].map((path, index) => ({
    name: `OpenAI at ${path || 'the bare host'}`,
    open: (options: Options = {}) =>
      new OpenAI({ ...usual, baseURL: gateway.url + path, ...options }),
    model: (upstream: string) => `openai/${upstream}`,
    upstreamKey: upstreamKeys.main,
    limited: (way: string, name: string) => `limited/${way}${index}-${name}`,
  }))
  const azure = ['', '/openai'].map((path, index) => ({
    name: `AzureOpenAI at ${path || 'the bare host'}`,
    open: (options: Options = {}) =>
      new AzureOpenAI({
        ...usual,
        endpoint: gateway.url + path,
        apiVersion: '2025-01-01-preview',
        ...(options as object),
      }),
    model: (upstream: string) => upstream,
    upstreamKey: upstreamKeys.azure,
    limited: (way: string, name: string) => `limited-azure/${way}${4 + index}-${name}`,
  }))
  return [...openai, ...azure]
}

const weather: ChatCompletionTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' } },
      required: ['city', 'days'],
    },
  },
}
const question: ChatCompletionMessageParam = { role: 'user', content: 'How is the weather?' }

/** What an official OpenAI client does with a provider, done through the gateway. */
export function openaiSdkSuite(stage: Stage): void {
  for (const [index, flavour] of flavoursOf(stage).entries())
    describe(flavour.name, () => completions(stage, flavour, `f${index}`))
}

function completions({ upstream }: Stage, flavour: Flavour, prefix: string): void {
  const client = flavour.open()
  const seen = (name: string): Promise<SeenRequest> =>
    upstream.next((request) => request.model === name)

  test('a plain completion comes back whole, with the request id', async () => {
    const name = `${prefix}-plain`
    const messages = [{ role: 'user' as const, content: 'one two three' }]
    const body = { model: flavour.model(name), messages, temperature: 0.5, seed: 7 }
    const { data, request_id } = await client.chat.completions.create(body).withResponse()
    assert.equal(data.choices[0]?.message.content, 'Echo: one two three')
    assert.equal(data.choices[0]?.finish_reason, 'stop')
    assert.equal(data.model, name)
    assert.deepEqual(
      [data.usage?.prompt_tokens, data.usage?.completion_tokens, data.usage?.total_tokens],
      [6, 4, 10],
    )
    assert.match(request_id ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    const request = await seen(name)
    assert.equal(request.credential, flavour.upstreamKey)
    assert.deepEqual(request.json, { ...body, model: name })
  })

  for (const includeUsage of [undefined, false, true])
    test(`a stream with include_usage ${includeUsage} ${includeUsage ? 'tells' : 'hides'} the usage`, async () => {
      const name = `${prefix}-stream-${includeUsage}`
      const stream = await client.chat.completions.create({
        model: flavour.model(name),
        messages: [{ role: 'user', content: 'a b c' }],
        stream: true,
        ...(includeUsage !== undefined && { stream_options: { include_usage: includeUsage } }),
      })
      const chunks = []
      for await (const chunk of stream) chunks.push(chunk)
      const choices = chunks.flatMap((chunk) => chunk.choices)
      assert.equal(choices.map(({ delta }) => delta.content ?? '').join(''), 'Echo: a b c')
      assert.equal(choices[0]?.delta.role, 'assistant')
      assert.equal(choices.at(-1)?.finish_reason, 'stop')
      const usages = chunks.filter(({ usage }) => usage != null)
      assert.equal(usages.length, includeUsage ? 1 : 0)
      if (includeUsage) assert.equal(chunks.at(-1)?.usage?.total_tokens, 10)
      // The gateway meters whatever the caller wants to see.
      assert.deepEqual((await seen(name)).field('stream_options'), { include_usage: true })
    })

  test('a tool is called, and its result answered', async () => {
    const name = `${prefix}-tools`
    const ask = (messages: ChatCompletionMessageParam[]) =>
      client.chat.completions.create({ model: flavour.model(name), messages, tools: [weather] })
    const first = (await ask([question])).choices[0]
    const [call] = first?.message.tool_calls ?? []
    assert.equal(first?.finish_reason, 'tool_calls')
    assert.ok(first && call?.type === 'function')
    assert.equal(call.function.name, 'get_weather')
    assert.deepEqual(Object.keys(JSON.parse(call.function.arguments)), ['city', 'days'])
    const result = { role: 'tool' as const, tool_call_id: call.id, content: 'sunny, 24°' }
    const second = (await ask([question, first.message, result])).choices[0]
    assert.equal(second?.message.content, 'Echo: sunny, 24°')
    await seen(name)
    const [, said, told] = (await seen(name)).field('messages') as object[]
    assert.deepEqual(said, JSON.parse(JSON.stringify(first.message)))
    assert.deepEqual(told, result)
  })

  test('a streamed tool call is put together, and its result answered', async () => {
    const model = flavour.model(`${prefix}-tools-streamed`)
    const runner = client.chat.completions.stream({ model, messages: [question], tools: [weather] })
    const first = await runner.finalMessage()
    const [call] = first.tool_calls ?? []
    assert.ok(call?.type === 'function')
    assert.equal(call.function.name, 'get_weather')
    assert.deepEqual(Object.keys(JSON.parse(call.function.arguments)), ['city', 'days'])
    const result = { role: 'tool' as const, tool_call_id: call.id, content: 'rain' }
    const second = client.chat.completions.stream({ model, messages: [question, first, result] })
    assert.equal((await second.finalMessage()).content, 'Echo: rain')
  })

  test('a JSON schema is answered by an object of that form', async () => {
    const name = `${prefix}-schema`
    const schema = {
      type: 'object',
      properties: { title: { type: 'string' }, pages: { type: 'integer' } },
      required: ['title', 'pages'],
      additionalProperties: false,
    }
    const response_format = {
      type: 'json_schema' as const,
      json_schema: { name: 'book', strict: true, schema },
    }
    const { choices } = await client.chat.completions.parse({
      model: flavour.model(name),
      messages: [{ role: 'user', content: 'A book.' }],
      response_format,
    })
    const book = JSON.parse(choices[0]?.message.content ?? '')
    assert.equal(typeof book.title, 'string')
    assert.ok(Number.isInteger(book.pages))
    assert.deepEqual((await seen(name)).field('response_format'), response_format)
  })

  test('text, image, audio and file parts arrive as they were sent', async () => {
    const name = `${prefix}-parts`
    const messages: ChatCompletionMessageParam[] = [
      { role: 'developer', content: 'Look.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'See this:' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
          { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } },
          {
            type: 'file',
            file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JQ==' },
          },
        ],
      },
    ]
    const reply = await client.chat.completions.create({ model: flavour.model(name), messages })
    assert.match(reply.choices[0]?.message.content ?? '', /See this:/)
    assert.deepEqual((await seen(name)).field('messages'), messages)
  })

  test('two choices come back, plain and streamed', async () => {
    const body = { model: flavour.model(`${prefix}-two`), messages: [question], n: 2 }
    const { choices } = await client.chat.completions.create(body)
    assert.deepEqual(
      choices.map(({ index, message }) => [index, message.content]),
      [0, 1].map((index) => [index, 'Echo: How is the weather?']),
    )
    const whole = await client.chat.completions.stream(body).finalChatCompletion()
    assert.deepEqual(
      whole.choices.map(({ index, message }) => [index, message.content]),
      [0, 1].map((index) => [index, 'Echo: How is the weather?']),
    )
  })

  test('the models are listed, and one is found by its name with a slash', async () => {
    const ids = []
    for await (const model of client.models.list()) ids.push(model.id)
    assert.ok(ids.includes('smart') && ids.includes('azure/gpt-4o') && ids.includes('demo/hello'))
    assert.equal((await client.models.retrieve('azure/gpt-4o')).owned_by, 'azure')
    assert.equal((await client.models.retrieve('smart')).id, 'smart')
    await assert.rejects(client.models.retrieve('openai/nowhere'), OpenAI.NotFoundError)
  })
}
