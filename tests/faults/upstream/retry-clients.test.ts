import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import OpenAI, { APIError } from 'openai'
import { openaiError } from '../../support/upstream-openai.ts'
import * as script from '../../support/upstream-script.ts'
import { openStage, type Stage } from './retry-stage.ts'

let stage: Stage
let client: OpenAI
before(async () => {
  stage = await openStage({
    providers: {
      up: {},
      limited: {},
      once: { fields: { retries: { max: 0 } } },
      keyed: { keys: ['k1', 'k2', 'k3'] },
    },
    models: { chain: { targets: [{ model: 'up/chain' }], fallbacks: ['keyed/chain'] } },
  })
  // As it comes: two repeats of its own.
  client = new OpenAI({ apiKey: 'any', baseURL: `${stage.gateway.url}/openai` })
})
after(() => stage.close())

/** The status the client ended with, after all its repeats. */
async function fail(model: string, stream: boolean): Promise<number | undefined> {
  const messages = [{ role: 'user' as const, content: 'Hi' }]
  try {
    await client.chat.completions.create({ model, messages, stream })
  } catch (thrown) {
    assert.ok(thrown instanceof APIError, String(thrown))
    return thrown.status
  }
  throw new Error('it did not fail')
}

describe('the official client repeats nothing the gateway has repeated', { concurrency: 1 }, () => {
  const broken = script.json(500, openaiError('broken'))
  const denied = script.json(401, openaiError('no'))
  const cases = [
    { name: 'a 500 of one key', model: 'up/s500', steps: broken, status: 500, calls: 3 },
    { name: 'a 500 of three keys', model: 'keyed/s500k', steps: broken, status: 500, calls: 6 },
    { name: 'a 500 everywhere', model: 'chain', steps: broken, status: 500, calls: 6 },
    { name: 'refused keys', model: 'keyed/s401', steps: denied, status: 502, calls: 3 },
    { name: 'a page', model: 'up/html', steps: script.reply(200, '<p>'), status: 502, calls: 1 },
  ]
  for (const { name, model, steps, status, calls } of cases)
    for (const stream of [false, true])
      test(`${name}${stream ? ', streamed' : ''}: ${calls} calls`, async () => {
        const upstreamModel = model.split('/').at(-1) as string
        stage.upstream.on(upstreamModel, steps)
        const before = stage.asked(upstreamModel).length
        assert.equal(await fail(model, stream), status)
        const made = stage.asked(upstreamModel).length - before
        // Refused keys rest by the second time, and only one of them is tried.
        assert.equal(made, status === 502 && calls === 3 && stream ? 1 : calls)
      })
})

describe('where the gateway repeats nothing, the client does, within its own bound', () => {
  test('with retries.max 0 a 500 is asked three times, as without a gateway', async () => {
    stage.upstream.on('once', script.json(500, openaiError('broken')))
    assert.equal(await fail('once/once', false), 500)
    assert.equal(stage.asked('once').length, 3)
  })

  test('a 503 is for waiting, and the client waits with it: three calls each time', async () => {
    stage.upstream.on('s503', script.json(503, openaiError('busy')))
    assert.equal(await fail('up/s503', false), 503)
    assert.equal(stage.asked('s503').length, 9)
  })

  test('a rate limit is waited for by the client, and the provider is not hurried', async () => {
    stage.upstream.on('limit', script.json(429, openaiError('Rate limit reached')))
    const began = performance.now()
    assert.equal(await fail('limited/limit', false), 429)
    assert.equal(stage.asked('limit').length, 3)
    assert.ok(performance.now() - began > 1900, 'a second before each of two repeats')
  })
})
