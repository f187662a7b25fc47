import assert from 'node:assert/strict'
import type OpenAI from 'openai'
import type { ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources'
import {
  answerTool,
  type Call,
  counts,
  form,
  packCall,
  resultOf,
  said,
  weatherCalls,
} from '../support/models/conversation.ts'
import { type Answer, askFor, type Body, sayAgain, type Way } from './dialects-client.ts'
import type { Dialect } from './dialects-stage.ts'

export const tools: ChatCompletionTool[] = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'The weather of a city.',
      parameters: {
        type: 'object',
        properties: { city: { type: 'string' }, unit: { type: 'string', enum: ['°C', '°F'] } },
        required: ['city'],
        additionalProperties: false,
      },
    },
  },
  {
    type: 'function',
    function: {
      name: 'pack',
      parameters: {
        type: 'object',
        properties: {
          items: { type: 'array', items: { type: 'object' } },
          note: { type: 'string' },
        },
        required: ['items'],
      },
    },
  },
]
export const question: ChatCompletionMessageParam[] = [
  { role: 'system', content: 'You are a travel guide. Answer briefly.' },
  { role: 'user', content: 'How is the weather in Paris and in Oslo — and what shall I pack?' },
]
const bookSchema = {
  type: 'object',
  properties: {
    city: { type: 'string' },
    items: { type: 'array', items: { type: 'string' } },
    rainy: { type: 'boolean' },
  },
  required: ['city', 'items', 'rainy'],
  additionalProperties: false,
}
const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='

export const picture = (base64: string): ChatCompletionMessageParam => ({
  role: 'user',
  content: [
    { type: 'text', text: 'And what is this?' },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${base64}` } },
  ],
})

/** The five turns of the script, each held to what the model said. The models refuse what is not told rightly. */
export async function converse(
  client: OpenAI,
  dialect: Dialect,
  way: Way,
  effort: 'low' | null,
): Promise<void> {
  const model = `${dialect.provider}/${dialect.model}`
  const messages: ChatCompletionMessageParam[] = [...question]
  const ask = async (more: Partial<Body> = {}): Promise<Answer> => {
    const body = { model, messages, tools, ...(effort && { reasoning_effort: effort }), ...more }
    const answer = await askFor(client, way, body)
    checkRest(answer, dialect, way, effort !== null)
    messages.push(sayAgain(answer))
    return answer
  }
  const two = await ask()
  assert.equal(two.message.content, said.look)
  const [paris = '', oslo = ''] = checkCalls(two, weatherCalls)
  // Results come in when they are ready, and are joined to their calls by their ids alone.
  messages.push(result(oslo, weatherCalls[1]), result(paris, weatherCalls[0]))

  const one = await ask()
  assert.ok(!one.message.content)
  const [pack = ''] = checkCalls(one, [packCall])
  assert.equal(new Set([paris, oslo, pack]).size, 3)
  checkDropped(one)
  messages.push(result(pack, packCall))

  const advice = await ask()
  checkText(advice, said.advice)
  messages.push(picture(pixel))
  checkText(await ask(), said.picture)
  messages.push({ role: 'user', content: 'In short, as JSON.' })
  const json_schema = { name: 'book', strict: true, schema: bookSchema }
  const short = await ask({ response_format: { type: 'json_schema', json_schema } })
  assert.deepEqual(JSON.parse(short.message.content ?? ''), form)
  assert.equal(short.finish, 'stop')
  assert.ok(!short.message.tool_calls?.length, `${answerTool} is no call of the caller's`)
}

/** Thoughts as text may stay behind where what they are signed with stands elsewhere. Nothing else does. */
export const checkDropped = ({ headers }: Answer): void =>
  assert.match(
    headers?.get('x-sluice-dropped-params') ?? '',
    /^(messages\[\d+\]\.reasoning_content)?$/,
  )

const result = (id: string, call: Call | undefined): ChatCompletionMessageParam => ({
  role: 'tool',
  tool_call_id: id,
  content: call ? resultOf(call) : '',
})

/** Returns the ids. */
function checkCalls({ message, finish }: Answer, expected: readonly Call[]): string[] {
  assert.equal(finish, 'tool_calls')
  const calls = (message.tool_calls ?? []).map((call) => {
    assert.equal(call.type, 'function')
    return call.type === 'function' ? { id: call.id, ...call.function } : null
  })
  assert.deepEqual(
    calls.map((call) => [call?.name, JSON.parse(call?.arguments ?? '')]),
    expected.map(({ name, input }) => [name, input]),
  )
  for (const call of calls) assert.match(call?.id ?? '', /^[\w-]{4,64}$/)
  return calls.map((call) => call?.id ?? '')
}

function checkText({ message, finish }: Answer, text: string): void {
  assert.equal(message.content, text)
  assert.equal(finish, 'stop')
  assert.ok(!message.tool_calls?.length)
}

function checkRest(answer: Answer, dialect: Dialect, way: Way, thinks: boolean): void {
  const { usage, headers, message } = answer
  assert.equal(answer.model, dialect.model)
  assert.deepEqual(
    [usage?.prompt_tokens, usage?.completion_tokens, usage?.total_tokens],
    [counts.input, counts.output, counts.input + counts.output],
  )
  assert.equal(usage?.prompt_tokens_details?.cached_tokens, counts.cached)
  const thoughts = dialect.countsThoughts && thinks ? counts.thoughts : 0
  assert.equal(usage?.completion_tokens_details?.reasoning_tokens ?? 0, thoughts)
  // The helper keeps the last piece only of a member it does not know.
  if (way !== 'stream helper') assert.equal(Boolean(message.reasoning_content), thinks)
  if (!headers) return
  assert.equal(headers.get('x-sluice-provider'), dialect.provider)
  assert.equal(headers.get('x-sluice-model'), dialect.model)
  assert.equal(headers.get('x-sluice-attempts'), '1')
  assert.match(headers.get('x-sluice-call-id') ?? '', /^[0-9a-f-]{36}$/)
}
