import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import { said } from '../support/models/conversation.ts'
import { sseData } from '../support/raw-client.ts'
import { chunk, lastChunk, rst, stall, until } from '../support/upstream-script.ts'
import { type Dialect, type DialectStage, targetOf } from './dialects-stage.ts'
import { ask, chat, envelopeOf, keys } from './stage.ts'

/** How a provider's failures reach the caller, each said in the provider's own way. */
export function dialectErrorsSuite(stage: DialectStage, client: OpenAI, dialect: Dialect): void {
  const { gateway, upstream } = stage
  const { provider, scripted } = dialect
  const streamed = (name: string) => ({
    model: `${provider}/${name}`,
    messages: [{ role: 'user' as const, content: 'hi' }],
    stream: true as const,
  })

  for (const way of ['plain', 'streamed'] as const) {
    const stream = way === 'streamed'

    test(`too many requests are told with how long to wait, ${way}`, async () => {
      const name = stage.play(dialect, `limited-${way}`, scripted.limited)
      const { headers, ...answer } = await ask(gateway, {
        body: chat(`${provider}-limited-${way}/${name}`, { stream }),
      })
      assert.equal(answer.status, 429)
      const seconds = Number(headers['retry-after'])
      // Another model of the same provider may have been told a moment before: then it is what is left of it.
      if (dialect.saysWhen) assert.ok(seconds > 1 && seconds <= 7, String(seconds))
      else assert.equal(seconds, 1)
      assert.match(headers['content-type'] ?? '', /^application\/json/)
      assert.equal(envelopeOf({ headers, ...answer }).error.code, 'upstream_rate_limited')
    })

    test(`a provider that is overloaded is told as it is, ${way}`, async () => {
      const name = stage.play(dialect, `overloaded-${way}`, scripted.overloaded)
      const answer = await ask(gateway, { body: chat(`${provider}/${name}`, { stream }) })
      assert.equal(answer.status, dialect.overloadedStatus)
      const { error } = envelopeOf(answer)
      assert.equal(error.code, 'upstream_error')
      assert.match(error.message, /overloaded|unable|unavailable/i)
    })
  }

  test("what the provider refuses is the caller's 400, in the provider's words", async () => {
    // The scripted model wants nothing of the kind.
    const body = { ...chat(`${provider}/${dialect.model}`), messages: [], max_tokens: 1 }
    const answer = await ask(gateway, { body })
    assert.equal(answer.status, 400, answer.text)
    assert.match(envelopeOf(answer).error.message, /messages|contents/)
  })

  test('a failure in mid-stream is a frame, without [DONE]', async () => {
    const name = stage.play(dialect, 'mid-stream', (request) => [
      scripted.begin(request),
      chunk(scripted.errorFrame()),
      lastChunk(),
    ])
    const answer = await ask(gateway, { body: streamed(name) })
    assert.equal(answer.status, 200)
    const data = sseData(answer.text)
    const last = JSON.parse(data.at(-1) ?? '')
    assert.equal(last.error.code, 'upstream_error')
    assert.match(last.error.message, /overloaded|unable|unavailable/i)
    assert.ok(!data.includes('[DONE]'))
    const text = data.slice(0, -1).map((each) => JSON.parse(each).choices[0]?.delta.content ?? '')
    assert.ok(text.join('') !== '' && said.greeting.startsWith(text.join('')))
    const stream = await client.chat.completions.create(streamed(name))
    await assert.rejects(async () => {
      for await (const { choices } of stream) assert.equal(choices[0]?.finish_reason ?? null, null)
    }, OpenAI.APIError)
  })

  for (const [how, end] of [
    ['is reset', rst()],
    ['ends too early', lastChunk()],
  ] as const)
    test(`a stream that ${how} ends in an error, without [DONE]`, async () => {
      const { promise: isSeen, resolve: see } = Promise.withResolvers<void>()
      // A reset takes along what was not read yet.
      const name = stage.play(dialect, `cut-${end.kind}`, (request) => [
        scripted.begin(request),
        until(isSeen),
        end,
      ])
      const { body } = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${keys.open}`, 'content-type': 'application/json' },
        body: JSON.stringify(streamed(name)),
      })
      let text = ''
      for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
        text += piece
        if (text.includes('"content":"Bonjou')) see()
      }
      const data = sseData(text)
      assert.equal(JSON.parse(data.at(-1) ?? '').error?.code, 'upstream_stream_truncated')
      assert.ok(data.every((each) => each !== '[DONE]' && !/"finish_reason":"/.test(each)))
    })

  test('a client that leaves in mid-stream has the provider left', async () => {
    const name = stage.play(dialect, 'left', (request) => [scripted.begin(request), stall()])
    const stream = await client.chat.completions.create(streamed(name))
    for await (const { choices } of stream) if (choices[0]?.delta.content) break
    const request = await upstream.next((each) => targetOf(each) === `${provider}/${name}`)
    assert.match((await request.closed).how, /^(fin|rst)$/)
  })
}
