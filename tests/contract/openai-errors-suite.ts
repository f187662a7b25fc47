import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import OpenAI from 'openai'
import { openaiError, openaiReply } from '../support/upstream-openai.ts'
import {
  fin,
  frame,
  json,
  reply,
  rst,
  type Steps,
  sse,
  streamHead,
} from '../support/upstream-script.ts'
import { type Flavour, flavoursOf } from './openai-sdk-suite.ts'
import { keys, quotas, type Stage } from './stage.ts'

const chunk = (delta: object, finish: string | null = null): object => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: finish }],
})
const begun = [chunk({ role: 'assistant', content: '' }), chunk({ content: 'half of' })]

interface UpstreamCase {
  readonly model: string
  readonly steps: Steps
  readonly raises: new (...args: never[]) => Error
  readonly shows: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string | null>>
  /** It says how long to wait, and is not asked again so long. */
  readonly pauses?: true
}

const upstreamCases: readonly UpstreamCase[] = [
  {
    model: 'answers-400',
    steps: json(
      400,
      openaiError("Unsupported value: 'temperature'", {
        param: 'temperature',
        code: 'unsupported_value',
      }),
    ),
    raises: OpenAI.BadRequestError,
    shows: { status: 400, param: 'temperature', code: 'unsupported_value' },
    headers: { 'x-should-retry': 'false' },
  },
  {
    model: 'answers-400-length',
    steps: json(
      400,
      openaiError('This model has 8192 tokens of context', {
        param: 'messages',
        code: 'context_length_exceeded',
      }),
    ),
    raises: OpenAI.BadRequestError,
    shows: { status: 400, code: 'context_length_exceeded', type: 'invalid_request_error' },
  },
  {
    model: 'answers-404',
    steps: json(404, openaiError('The model does not exist', { code: 'model_not_found' })),
    raises: OpenAI.NotFoundError,
    shows: { status: 404, code: 'model_not_found' },
  },
  {
    model: 'answers-422',
    steps: json(422, openaiError('Unprocessable', { code: 'odd' })),
    raises: OpenAI.UnprocessableEntityError,
    shows: { status: 422, code: 'odd' },
  },
  {
    model: 'answers-429',
    steps: json(429, openaiError('Slow down', { type: 'requests', code: 'rate_limit_exceeded' }), {
      'retry-after': '7',
    }),
    raises: OpenAI.RateLimitError,
    shows: { status: 429, code: 'upstream_rate_limited', type: 'requests' },
    headers: { 'x-should-retry': 'true', 'retry-after': '7' },
    pauses: true,
  },
  ...[500, 503, 504].map((status) => ({
    model: `answers-${status}`,
    steps: json(status, openaiError('The server had an error', { type: 'server_error' })),
    raises: OpenAI.InternalServerError,
    shows: { status, code: 'upstream_error', type: 'upstream_error' },
  })),
  {
    model: 'answers-529',
    steps: json(529, openaiError('Overloaded', { type: 'overloaded_error' })),
    raises: OpenAI.InternalServerError,
    shows: { status: 502, code: 'upstream_error' },
    headers: { 'x-should-retry': 'false' },
  },
  ...[401, 403].map((status) => ({
    model: `answers-${status}`,
    steps: json(status, openaiError('Incorrect API key provided: canary-upstream-main')),
    raises: OpenAI.InternalServerError,
    shows: { status: 502, code: 'upstream_auth_failed' },
    headers: { 'x-should-retry': 'false' },
  })),
  {
    model: 'answers-html',
    steps: reply(200, '<html>proxy</html>', { 'content-type': 'text/html' }),
    raises: OpenAI.InternalServerError,
    shows: { status: 502, code: 'upstream_invalid_response' },
    headers: { 'x-should-retry': 'false' },
  },
  {
    model: 'answers-nothing',
    steps: rst(),
    raises: OpenAI.InternalServerError,
    shows: { status: 502 },
  },
]

const streamCases: readonly { readonly model: string; readonly steps: Steps }[] = [
  { model: 'stream-cut', steps: [sse(begun, { done: false, end: false }), rst()] },
  { model: 'stream-closed', steps: sse(begun, { done: false, framing: 'close' }) },
  { model: 'stream-unfinished', steps: sse(begun, { done: false }) },
  {
    model: 'stream-error',
    steps: sse([...begun, openaiError('The server had an error while processing')], {
      done: false,
    }),
  },
]

/** How failures reach an official client: as the exception its users catch. */
export function openaiErrorsSuite(stage: Stage): void {
  for (const { model, steps } of [...upstreamCases, ...streamCases]) stage.upstream.on(model, steps)
  for (const { model, steps } of upstreamCases.filter(({ pauses }) => pauses))
    for (const quota of quotas) stage.upstream.on(`${quota}-${model}`, steps)
  stage.upstream.on('dies-before-the-first-event', [
    streamHead({}, 'close'),
    frame(': wait\n\n', { framing: 'close' }),
    fin(),
  ])
  for (const flavour of flavoursOf(stage)) describe(flavour.name, () => failures(flavour))
  describe('repeating', () => repeating(stage))
}

function failures(flavour: Flavour): void {
  const client = flavour.open()
  const say = (model: string, from = client) =>
    from.chat.completions.create({ model, messages: [{ role: 'user', content: 'hi' }] })
  const stream = (model: string) =>
    client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'hi' }],
      stream: true,
    })

  for (const { model, raises, shows, headers, pauses } of upstreamCases)
    for (const [how, call] of [
      ['plain', say],
      ['streamed', stream],
    ] as const)
      test(`an upstream that ${model.replace('-', ' ')} raises ${raises.name}, ${how}`, async () => {
        const asked = pauses ? flavour.limited(how, model) : flavour.model(model)
        const error = await raised(call(asked))
        assert.ok(error instanceof raises, `${error}`)
        assert.deepEqual(pick(error, Object.keys(shows)), shows)
        assert.doesNotMatch(error.message, /canary|127\.0\.0\.1/)
        for (const [name, value] of Object.entries(headers ?? {}))
          assert.equal(error.headers?.get(name), value, name)
      })

  for (const { model } of streamCases)
    test(`a ${model} in the middle raises after what had come`, async () => {
      const heard: string[] = []
      const read = async (): Promise<void> => {
        for await (const each of await stream(flavour.model(model)))
          heard.push(each.choices[0]?.delta.content ?? '')
      }
      const error = await raised(read())
      assert.equal(heard.join(''), 'half of')
      assert.notEqual(error.message, '')
    })

  test('a stream that dies before its first event is an error status', async () => {
    const error = await raised(stream(flavour.model('dies-before-the-first-event')))
    assert.ok(error instanceof OpenAI.InternalServerError)
    assert.equal(error.code, 'upstream_stream_truncated')
  })

  test('unknown, expired and disabled keys raise what their status says', async () => {
    for (const [apiKey, raises, code] of [
      [keys.unknown, OpenAI.AuthenticationError, 'invalid_api_key'],
      [keys.expired, OpenAI.AuthenticationError, 'invalid_api_key'],
      ['sk-of-someone-else', OpenAI.AuthenticationError, 'virtual_key_required'],
      [keys.disabled, OpenAI.PermissionDeniedError, 'key_disabled'],
      [keys['api-key'], OpenAI.PermissionDeniedError, 'model_not_allowed'],
    ] as const) {
      const error = await raised(say(flavour.model('gpt-4o'), flavour.open({ apiKey })))
      assert.ok(error instanceof raises, `${error}`)
      assert.equal(error.code, code)
    }
  })

  test("the gateway's own refusals raise with their param", async () => {
    const model = flavour.model('refused')
    const error = await raised(client.chat.completions.create({ model, messages: [] }))
    assert.ok(error instanceof OpenAI.BadRequestError)
    assert.deepEqual(pick(error, ['param', 'code']), { param: 'messages', code: 'invalid_request' })
    assert.ok((await raised(say('nowhere/at-all'))) instanceof OpenAI.NotFoundError)
  })
}

function repeating({ gateway, upstream }: Stage): void {
  const client = new OpenAI({
    apiKey: keys.open,
    baseURL: `${gateway.url}/openai`,
    maxRetries: 2,
  })
  const say = (model: string) =>
    client.chat.completions.create({ model, messages: [{ role: 'user', content: 'hi' }] })
  const arrivals = (model: string): number =>
    upstream.requests.filter((request) => request.model === model).length

  test('a client that waits as told gets through the second time', async () => {
    let asked = 0
    upstream.on('busy-once', (request) =>
      asked++ === 0
        ? json(429, openaiError('Slow down'), { 'retry-after-ms': '1' })
        : openaiReply(request),
    )
    const { choices } = await say('limited/busy-once')
    assert.equal(choices[0]?.message.content, 'Echo: hi')
    assert.equal(arrivals('busy-once'), 2)
  })

  for (const status of [401, 529])
    test(`a client is told not to repeat after a ${status} that may be billed or cannot help`, async () => {
      const model = `once-${status}`
      upstream.on(model, json(status, openaiError('no')))
      await raised(say(`openai/${model}`))
      assert.equal(arrivals(model), 1)
    })
}

async function raised(promise: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const outcome = await promise.then(
    () => 'nothing was raised',
    (thrown: unknown) => thrown,
  )
  assert.ok(outcome instanceof OpenAI.APIError, `${outcome}`)
  return outcome
}

const pick = (from: object, names: readonly string[]): object =>
  Object.fromEntries(names.map((name) => [name, (from as Record<string, unknown>)[name]]))
