import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frame, lastChunk, reply, streamHead } from '../support/upstream-script.ts'
import { ask, type Stage } from './stage.ts'

/** Odd but valid: order, white space, spellings of numbers and characters that a rewrite would lose. */
const oddBody = (model: string, more = ''): string =>
  `{ "zeta" : 1.0,\t"big":12345678901234567890123 , "exp":1e2,"tiny":-0.0E-7,\r\n` +
  `"esc":"\\u00e9\\/ \\ud83d\\ude00 \\u0000 é😀" , "messages":[ {"role":"user","content":"h\\u0069",` +
  `"x_own":[1, 2.50 ,{}]} ] ,"model" : "${model}" , "nested":{"b":1,"a":{"z":null}}${more},"temperature":1.0 }`

const oddReply = ` {\n "id":"x", "choices":[ {"index":0,"message":{"role":"assistant","content":"\\u0068\\/i 😀"},"finish_reason":"stop"} ],
  "usage" : {"prompt_tokens":1,"completion_tokens":1.0,"total_tokens":2},"big":12345678901234567890.10, "unknown": [1e2 , -0.0] }\n\n`

/** The caller's bytes go through, and the provider's come back. */
export function bytesSuite({ gateway, upstream }: Stage): void {
  const sent = async (model: string, body: string, path?: string): Promise<string> => {
    const asked = await ask(gateway, { body, ...(path && { path }) })
    assert.equal(asked.status, 200, asked.text)
    const request = await upstream.next((each) => each.model === model)
    assert.equal(request.headers['content-length'], String(request.body.length))
    return request.body.toString()
  }

  test('only the model of a body is changed', async () => {
    const got = await sent('bytes-model', oddBody('openai/bytes-model'))
    assert.equal(got, oddBody('bytes-model'))
  })

  test('a body that names the model as the provider does is not changed at all', async () => {
    assert.equal(await sent('bytes-same', oddBody('bytes-same')), oddBody('bytes-same'))
  })

  test('fallbacks are cut out and nothing else', async () => {
    const body = oddBody('bytes-fallbacks', ',"fallbacks":["openai/gpt-4o"]')
    assert.equal(await sent('bytes-fallbacks', body), oddBody('bytes-fallbacks'))
  })

  test('a stream is asked for its usage and else left as it is', async () => {
    const body = oddBody('bytes-usage', ',"stream" : true')
    const got = await sent('bytes-usage', body)
    assert.equal(got.replace(/,\s*"stream_options":\{"include_usage":true\}/, ''), body)
    assert.notEqual(got, body)
  })

  test('stream options of the caller keep what else they say', async () => {
    const options = ',"stream":true,"stream_options":{"include_obfuscation":false}'
    const got = JSON.parse(await sent('bytes-options', oddBody('bytes-options', options)))
    assert.deepEqual(got.stream_options, { include_obfuscation: false, include_usage: true })
  })

  test('a stream that asked for its usage is not changed', async () => {
    const options = ',"stream":true,"stream_options" : { "include_usage":true ,"other":1.0 }'
    const body = oddBody('bytes-asked', options)
    assert.equal(await sent('bytes-asked', body), body)
  })

  test('an Azure deployment in the address leaves a body without a model alone', async () => {
    const body = '{ "messages" : [ {"role":"user","content":"hi"} ] }'
    const path = '/openai/deployments/bytes-azure/chat/completions'
    assert.equal(await sent('bytes-azure', body, path), body)
  })

  test('a body of many reads goes through whole', async () => {
    const filler = Buffer.alloc(700_000, 'iVBORw0KGgo=').toString()
    const body = (model: string): string => oddBody(model, `,"image":"${filler}"`)
    const got = await sent('bytes-large', body('openai/bytes-large'))
    assert.ok(got === body('bytes-large'), 'the large body changed')
  })

  for (const [provider, model] of [
    ['openai', 'openai/odd-reply'],
    ['local', 'local/odd-reply'],
    ['azure', 'azure/odd-reply'],
  ] as const)
    test(`a reply of ${provider} comes back byte for byte`, async () => {
      upstream.on('odd-reply', reply(200, oddReply, { 'content-type': 'application/json' }))
      const answer = await ask(gateway, { body: oddBody(model) })
      assert.equal(answer.headers['x-sluice-provider'], provider)
      assert.equal(answer.text, oddReply)
      assert.equal(answer.headers['content-length'], String(Buffer.byteLength(oddReply)))
    })

  test('events come back byte for byte, without the usage nobody asked for', async () => {
    const event = (content: string, finish: string): string =>
      `data: { "id":"x", "choices":[ {"index":0,"delta":{"content":"${content}"},"finish_reason":${finish}} ],\t"n":1.0, "big":12345678901234567890 }\n\n`
    const parts = [event('\\u0068', 'null'), event('\\/ 😀', 'null'), event('', '"stop"')]
    const usage = 'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2.0}}\n\n'
    const done = 'data: [DONE]\n\n'
    upstream.on('odd-events', [
      streamHead(),
      [...parts, usage, done].map((part) => frame(part, { split: { every: 7 } })),
      lastChunk(),
    ])
    for (const [options, expected] of [
      ['', [...parts, done]],
      [',"stream_options":{"include_usage":true}', [...parts, usage, done]],
    ] as const) {
      const body = oddBody('odd-events', `,"stream":true${options}`)
      assert.equal((await ask(gateway, { body })).text, expected.join(''))
    }
  })
}
