import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { GatewayError } from '../core/errors.ts'
import { anthropic } from '../providers/anthropic.ts'
import { openaiChat } from '../wire/openai-chat/dialect.ts'
import { ThreadTranslator } from './translator.ts'

const translator = new ThreadTranslator()
after(() => translator.close())

const options = { model: 'claude-sonnet-4-5', dropUnsupported: false, images: new Map() }
const body = (more: object = {}) =>
  Buffer.from(
    JSON.stringify({
      model: 'm',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            {
              type: 'image_url',
              image_url: { url: `data:image/png;base64,${'QUJD'.repeat(1e6)}` },
            },
          ],
        },
      ],
      ...more,
    }),
  )

test('what the thread says is what would have been said here', async () => {
  const bytes = body({ user: 'u' })
  const here = anthropic.chat
    .dialect?.(options.model)
    .encodeRequest(openaiChat.request.decode(bytes), options)
  const there = await translator.encode({ type: 'anthropic', body: bytes, options })
  assert.ok(Buffer.from(here?.body ?? []).equals(there.body))
  assert.deepEqual([there.dropped, there.answerTool], [here?.dropped, here?.answerTool])
})

test('a refusal comes back as the same refusal', async () => {
  await assert.rejects(translator.encode({ type: 'anthropic', body: body({ seed: 7 }), options }), {
    code: 'unsupported_parameter',
    facts: { param: 'seed', dispatched: false },
  })
})

test('the loop goes on while a large one is translated', async () => {
  const done = translator.encode({ type: 'anthropic', body: body(), options }).then(() => 'done')
  let turns = 0
  while (
    (await Promise.race([done, new Promise((resolve) => setImmediate(resolve, 'turn'))])) === 'turn'
  )
    turns++
  assert.ok(turns > 0)
})

test('who leaves waits no longer, and whoever is next is served', async () => {
  const leaving = new AbortController()
  const asked = { type: 'anthropic', body: body(), options }
  const left = translator.encode(asked, leaving.signal)
  const next = translator.encode(asked)
  const reason = new GatewayError('client_closed', 'gone')
  leaving.abort(reason)
  const first = await Promise.race([left.catch((thrown: unknown) => thrown), next])
  assert.equal(first, reason)
  assert.ok((await next).body.length > 0)
  await assert.rejects(translator.encode(asked, leaving.signal), reason)
})

test('more than can wait are refused at once', async () => {
  const small = Buffer.from('{"model":"m","messages":[{"role":"user","content":"x"}]}')
  const all = Array.from({ length: 100 }, () =>
    translator.encode({ type: 'anthropic', body: small, options }).then(
      () => 'said',
      ({ code }) => code,
    ),
  )
  const results = await Promise.all(all)
  assert.equal(results.filter((each) => each === 'said').length, 64)
  assert.equal(results.filter((each) => each === 'overloaded').length, 36)
})
