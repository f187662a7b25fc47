import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources'
import { base64Noise } from '../../bench/load/bodies.ts'
import { packCall, resultOf, said, weatherCalls } from '../support/models/conversation.ts'
import { sseData } from '../support/raw-client.ts'
import { openaiError } from '../support/upstream-openai.ts'
import { json } from '../support/upstream-script.ts'
import { askFor, sayAgain } from './dialects-client.ts'
import { checkDropped, picture, question, tools } from './dialects-conversation.ts'
import { type Dialect, type DialectStage, targetOf } from './dialects-stage.ts'
import { ended, submitted } from './job-client.ts'
import { ask, chat } from './stage.ts'

/** What the gateway does around a call, done with a provider that talks otherwise. */
export function dialectRoutesSuite(stage: DialectStage, client: OpenAI, dialect: Dialect): void {
  const { gateway, upstream, openai } = stage
  const { provider, model, scripted } = dialect
  const own = `${provider}/${model}`
  const mark = own.replace(/\W/g, '-')

  test('a stream ends in one [DONE], and shows its usage only where asked', async () => {
    for (const include_usage of [false, true]) {
      const body = chat(own, { stream: true, stream_options: { include_usage } })
      const answer = await ask(gateway, { body })
      const data = sseData(answer.text)
      assert.equal(data.filter((each) => each === '[DONE]').length, 1)
      assert.equal(data.at(-1), '[DONE]')
      assert.equal(data.filter((each) => each.includes('"usage":{')).length, include_usage ? 1 : 0)
      const text = data.slice(0, -1).flatMap((each) => JSON.parse(each).choices)
      assert.equal(text.map(({ delta }) => delta.content ?? '').join(''), said.greeting)
    }
  })

  test('a job by header ends with the translated answer', async () => {
    const id = await submitted(gateway, chat(own))
    const done = await ended(gateway, id)
    assert.equal(done.status, 200, done.text)
    const reply = done.json() as OpenAI.ChatCompletion
    assert.equal(reply.choices[0]?.message.content, said.greeting)
    assert.equal(reply.usage?.total_tokens, 200)
  })

  test('a picture of five megabytes arrives whole', async () => {
    const name = stage.play(dialect, 'large', scripted.answer)
    const base64 = base64Noise(5 * 2 ** 20)
    const body = { model: `${provider}/${name}`, messages: [picture(base64)] }
    const { message } = await askFor(client, 'raw stream', body)
    assert.equal(message.content, said.picture)
    const request = await upstream.next((each) => targetOf(each) === `${provider}/${name}`)
    assert.ok(request.body.includes(base64))
  })

  test('an unsupported parameter is refused by name, and left out where the provider may', async () => {
    const body = { messages: question, logit_bias: { '50256': -100 }, seed: 1 }
    await assert.rejects(client.chat.completions.create({ ...body, model: own }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError)
      assert.equal(error.code, 'unsupported_parameter')
      assert.match(error.param ?? '', /^(logit_bias|seed)$/)
      return true
    })
    const lenient = { ...body, model: `${provider}-lenient/${model}` }
    const { message, headers } = await askFor(client, 'plain', lenient)
    assert.equal(message.content, said.greeting)
    assert.ok(headers?.get('x-sluice-dropped-params')?.split(', ').includes('logit_bias'))
  })

  test('a conversation goes on at this provider when OpenAI fails', async () => {
    const broken = `broken-${mark}`
    openai.on(broken, json(503, openaiError('The server is overloaded', { type: 'server_error' })))
    const body = { model: `openai/${broken}`, tools, reasoning_effort: 'low' as const }
    const asks = (messages: ChatCompletionMessageParam[]) =>
      askFor(client, 'plain', { ...body, messages, fallbacks: [own] } as typeof body & {
        messages: ChatCompletionMessageParam[]
      })
    const first = await asks(question)
    assert.equal(first.headers?.get('x-sluice-provider'), provider)
    assert.equal(first.headers?.get('x-sluice-fallback-index'), '1')
    assert.equal(first.headers?.get('x-sluice-attempts'), '2')
    const results = (first.message.tool_calls ?? []).map((call, at) => ({
      role: 'tool' as const,
      tool_call_id: call.id,
      content: resultOf(weatherCalls[at] ?? packCall),
    }))
    const second = await asks([...question, sayAgain(first), ...results])
    assert.equal(second.message.tool_calls?.length, 1)
    checkDropped(second)
  })

  test('calls that OpenAI made in its place are answered here', async () => {
    const name = stage.play(dialect, 'failing', () => scripted.overloaded())
    const fallbacks = { fallbacks: [`openai/steps-in-${mark}`] }
    const failing = { model: `${provider}/${name}`, messages: question, tools, ...fallbacks }
    const first = await askFor(client, 'stream helper', failing)
    const [call] = first.message.tool_calls ?? []
    assert.match(call?.id ?? '', /^call_\d+_0$/)
    const foreign = stage.play(dialect, 'foreign', dialect.lenient.answer)
    const result = { role: 'tool' as const, tool_call_id: call?.id ?? '', content: 'sample: rain' }
    for (const reasoning_effort of [null, 'low'] as const) {
      const { message } = await askFor(client, 'raw stream', {
        model: `${provider}/${foreign}`,
        messages: [...question, sayAgain(first), result],
        tools,
        reasoning_effort,
      })
      const [next] = message.tool_calls ?? []
      assert.equal(next?.type === 'function' && next.function.name, packCall.name)
    }
  })
}
