import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GatewayError } from '../core/errors.ts'
import { readReplyBody, streamOfReply } from './reply-body.ts'

const completion = {
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 2 },
}
const json = (wire: unknown): Buffer => Buffer.from(JSON.stringify(wire))
const codeOf =
  (code: string) =>
  (error: unknown): boolean =>
    (error as GatewayError).code === code

test('a good reply keeps its bytes, and its usage is read', () => {
  const bytes = Buffer.from(` {"choices" : [ ],\n"x":1e400, "usage":{"prompt_tokens":5}}\n`)
  const { body, usage } = readReplyBody(bytes, undefined)
  assert.equal(body, bytes)
  assert.equal(usage?.inputTokens, 5)
  assert.equal(readReplyBody(json({ choices: [] }), undefined).usage, null)
})

test('a byte order mark is left out, since no client expects one', () => {
  const bytes = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), json(completion)])
  assert.deepEqual(readReplyBody(bytes, undefined).body, json(completion))
})

test('small and large replies are judged alike', () => {
  const filler = 'x'.repeat(300 * 1024)
  for (const extra of [{}, { filler }]) {
    const good = json({ ...completion, ...extra })
    assert.equal(readReplyBody(good, undefined).usage?.outputTokens, 2)
    const bad: [Buffer, string][] = [
      [good.subarray(0, -1), 'upstream_invalid_response'],
      [Buffer.concat([good, Buffer.from('x')]), 'upstream_invalid_response'],
      [
        Buffer.from(good.toString().replace('"hi"', '"h\xe9"'), 'latin1'),
        'upstream_invalid_response',
      ],
      [json({ ...extra }), 'upstream_invalid_response'],
      [json({ ...extra, choices: {} }), 'upstream_invalid_response'],
      [json([completion, extra]), 'upstream_invalid_response'],
      [json({ ...extra, error: { message: 'slow', code: 429 } }), 'upstream_rate_limited'],
      [json({ ...completion, ...extra, error: 'oops' }), 'upstream_error'],
    ]
    for (const [body, code] of bad)
      assert.throws(
        () => readReplyBody(body, undefined),
        codeOf(code),
        body.toString('utf8', 0, 80),
      )
    assert.equal(
      readReplyBody(json({ ...completion, ...extra, error: null }), undefined).usage?.inputTokens,
      5,
    )
  }
})

test('a stream is gathered into a reply, however it begins', () => {
  const chunk = (delta: object, finish: string | null = null): string =>
    `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  const events = `${chunk({ role: 'assistant' })}${chunk({ content: 'hi' })}${chunk({}, 'stop')}`
  for (const begin of [
    '',
    ': x\n\n',
    'id: 1\n',
    'retry: 5\n',
    'event: message\n',
    '\ufeff',
    '\n\r\n',
  ]) {
    const { body } = readReplyBody(Buffer.from(`${begin}${events}data: [DONE]\n\n`), undefined)
    const reply = JSON.parse(body.toString()) as typeof completion
    assert.equal(reply.choices[0]?.message.content, 'hi', JSON.stringify(begin))
  }
  const cut = Buffer.from(chunk({ content: 'hi' }))
  assert.throws(() => readReplyBody(cut, undefined), codeOf('upstream_stream_truncated'))
})

const corrections = {
  everyChunk: false,
  openStream: () => ({ owed: null, correct: () => 'same' as const }),
  reply: (wire: Readonly<Record<string, unknown>>) =>
    wire['model'] === 'm' ? { ...wire, model: 'better' } : null,
}

test('a correction rewrites the reply that deviates, plain or as a stream, and no other', () => {
  assert.match(readReplyBody(json(completion), corrections).body.toString(), /"model":"better"/)
  const other = json({ ...completion, model: 'n' })
  assert.equal(readReplyBody(other, corrections).body, other)
  assert.match(
    streamOfReply(json(completion), corrections, false).bytes.toString(),
    /"model":"better"/,
  )
})

test('an object in place of a stream is the stream it amounts to, with usage if it was asked for', () => {
  for (const asked of [false, true]) {
    const { bytes, usage } = streamOfReply(json(completion), undefined, asked)
    const events = bytes.toString().split('\n\n').slice(0, -1)
    assert.equal(events.at(-1), 'data: [DONE]')
    assert.equal(events.length, asked ? 5 : 4)
    assert.equal(bytes.includes('"usage"'), asked)
    assert.equal(usage?.outputTokens, 2)
  }
  assert.throws(
    () => streamOfReply(json({ error: {} }), undefined, false),
    codeOf('upstream_error'),
  )
})
