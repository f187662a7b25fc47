import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, generateText, isStepCount, jsonSchema, Output, streamText, tool } from 'ai'
import { openaiError } from '../support/upstream-openai.ts'
import { json, rst, sse } from '../support/upstream-script.ts'
import { keys, type Stage } from './stage.ts'

type Provider = ReturnType<typeof createOpenAICompatible>

const forecasts = tool({
  description: 'The weather of a place',
  inputSchema: jsonSchema<{ city: string }>({
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  }),
  execute: async ({ city }) => `sunny in ${typeof city}`,
})

/** What the `ai` package does through its OpenAI-compatible provider. */
export function aiSdkSuite(stage: Stage): void {
  for (const [index, path] of ['/openai', '/openai/v1', '/v1', ''].entries())
    describe(`ai at ${path || 'the bare host'}`, () => {
      const open = (more: object = {}): Provider =>
        createOpenAICompatible({
          name: 'sluice',
          baseURL: stage.gateway.url + path,
          apiKey: keys.open,
          supportsStructuredOutputs: true,
          ...more,
        })
      answers(stage, open, `ai${index}`)
      failures(stage, open, `ai${index}`)
    })
}

function answers({ upstream }: Stage, open: (more?: object) => Provider, prefix: string): void {
  const provider = open()
  const modelOf = (name: string) => provider(`openai/${prefix}-${name}`)

  test('a text is generated, with its usage', async () => {
    const { text, finishReason, usage, response } = await generateText({
      model: modelOf('plain'),
      prompt: 'one two',
      maxRetries: 0,
    })
    assert.deepEqual([text, finishReason], ['Echo: one two', 'stop'])
    assert.deepEqual([usage.inputTokens, usage.outputTokens], [5, 3])
    assert.equal(response.headers?.['x-sluice-provider'], 'openai')
  })

  for (const includeUsage of [false, true])
    test(`a text is streamed with usage ${includeUsage ? 'on' : 'off'}`, async () => {
      const model = open({ includeUsage })(`openai/${prefix}-stream-${includeUsage}`)
      const result = streamText({ model, prompt: 'a b c', maxRetries: 0 })
      const pieces: string[] = []
      for await (const piece of result.textStream) pieces.push(piece)
      assert.equal(pieces.join(''), 'Echo: a b c')
      assert.ok(pieces.length > 1)
      assert.equal(await result.finishReason, 'stop')
      assert.equal((await result.usage).outputTokens, includeUsage ? 4 : undefined)
    })

  test('a tool is called and its result goes back, plain and streamed', async () => {
    const settings = {
      model: modelOf('tools'),
      prompt: 'How is the weather?',
      tools: { forecasts },
      stopWhen: isStepCount(2),
      maxRetries: 0,
    }
    const whole = await generateText(settings)
    assert.equal(whole.steps.length, 2)
    assert.equal(whole.steps[0]?.toolCalls[0]?.toolName, 'forecasts')
    assert.equal(whole.text, 'Echo: sunny in string')
    const streamed = streamText(settings)
    assert.equal(await streamed.text, 'Echo: sunny in string')
    assert.equal((await streamed.steps).length, 2)
  })

  test('an object is made after a JSON schema', async () => {
    const schema = jsonSchema<{ title: string; pages: number }>({
      type: 'object',
      properties: { title: { type: 'string' }, pages: { type: 'integer' } },
      required: ['title', 'pages'],
      additionalProperties: false,
    })
    const { output } = await generateText({
      model: modelOf('schema'),
      prompt: 'A book.',
      output: Output.object({ schema }),
      maxRetries: 0,
    })
    assert.deepEqual([typeof output.title, typeof output.pages], ['string', 'number'])
    const request = await upstream.next(({ model }) => model === `${prefix}-schema`)
    assert.equal((request.field('response_format') as { type: string }).type, 'json_schema')
  })

  test('an image arrives beside its text', async () => {
    const data = 'iVBORw0KGgo='
    const image = { type: 'file' as const, mediaType: 'image/png', data }
    const content = [{ type: 'text' as const, text: 'Look:' }, image]
    await generateText({
      model: modelOf('image'),
      messages: [{ role: 'user', content }],
      maxRetries: 0,
    })
    const request = await upstream.next(({ model }) => model === `${prefix}-image`)
    assert.deepEqual(request.field('messages'), [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look:' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } },
        ],
      },
    ])
  })
}

function failures({ upstream }: Stage, open: (more?: object) => Provider, prefix: string): void {
  const call = (name: string, apiKey: string = keys.open, provider = 'openai') =>
    generateText({
      model: open({ apiKey })(`${provider}/${prefix}-${name}`),
      prompt: 'hi',
      maxRetries: 0,
    })

  test('each refusal raises an APICallError of its status and sentence', async () => {
    for (const status of [400, 404, 429, 500])
      upstream.on(
        `${prefix}-says-${status}`,
        json(status, openaiError(`It says ${status}`), { 'retry-after': '3' }),
      )
    for (const status of [400, 404, 429, 500]) {
      // Only the 429 pauses its key.
      const provider = status === 429 ? 'limited' : 'openai'
      const error = await raised(call(`says-${status}`, keys.open, provider))
      assert.equal(error.statusCode, status)
      assert.equal(error.message, `It says ${status}`)
      assert.equal(error.isRetryable, status >= 429)
      if (status === 429) assert.equal(error.responseHeaders?.['retry-after'], '3')
    }
    assert.equal((await raised(call('any', keys.unknown))).statusCode, 401)
    assert.equal((await raised(call('any', keys.disabled))).statusCode, 403)
  })

  test('a stream that breaks in the middle raises', async () => {
    const events = [{ choices: [{ index: 0, delta: { role: 'assistant', content: 'half' } }] }]
    upstream.on(`${prefix}-cut`, [sse(events, { done: false, end: false }), rst()])
    const errors: unknown[] = []
    const { textStream, finishReason } = streamText({
      model: open()(`openai/${prefix}-cut`),
      prompt: 'hi',
      maxRetries: 0,
      onError: ({ error }) => {
        errors.push(error)
      },
    })
    let text = ''
    for await (const piece of textStream) text += piece
    assert.equal(text, 'half')
    assert.equal(errors.length, 1)
    assert.notEqual(await finishReason.then(String, () => 'raised'), 'stop')
  })
}

async function raised(promise: Promise<unknown>): Promise<APICallError> {
  const outcome = await promise.then(
    () => 'nothing was raised',
    (thrown: unknown) => thrown,
  )
  assert.ok(APICallError.isInstance(outcome), `${outcome}`)
  return outcome
}
