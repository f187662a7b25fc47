import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { postBytes, type RawResponse, rawConnect, sseData } from '../../support/raw-client.ts'
import { type Gateway, startGateway } from '../../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../../support/upstream.ts'
import { openaiError } from '../../support/upstream-openai.ts'
import * as script from '../../support/upstream-script.ts'
import { eventually } from '../client/client-rig.ts'

// Faults of a provider whose words are translated, and of those it stands beside, on the started gateway.

const MiB = 1024 * 1024
let upstream: Upstream
let gateway: Gateway
before(async () => {
  upstream = await startUpstream()
  const keys = [{ name: 'main', value: 'sk-main-0000' }]
  gateway = await startGateway({
    config: {
      version: 1,
      auth: { inference: 'optional' },
      providers: {
        plain: {
          ...{ type: 'openai-compatible', base_url: `${upstream.url}/v1`, keys },
          retries: { max: 0 },
        },
        claude: { type: 'anthropic', base_url: upstream.url, keys },
      },
    },
  })
})
after(async () => {
  await gateway.stop()
  await upstream.stop()
})

const request = (fields: object): Buffer =>
  postBytes('/v1/chat/completions', {}, { messages: [{ role: 'user', content: 'x' }], ...fields })

async function ask(fields: object): Promise<RawResponse> {
  using client = await rawConnect(gateway.port)
  await client.write(request(fields))
  return await client.response()
}

test('a fallback that cannot be told the request hides neither the failure before it nor who failed', async () => {
  upstream.on('troubled', script.json(503, openaiError('troubled today')))
  const response = await ask({
    ...{ model: 'plain/troubled', fallbacks: ['claude/claude-sonnet-4-5'] },
    seed: 7,
  })
  assert.equal(response.status, 503, response.text)
  assert.match(response.text, /troubled today/)
  assert.equal(response.headers['x-sluice-provider'], 'plain')
  assert.equal(response.headers['x-sluice-attempts'], '1')
  assert.equal(response.headers['x-sluice-fallback-index'], undefined)
})

test('where nobody was asked the request’s own fault is told', async () => {
  const response = await ask({ model: 'claude/claude-sonnet-4-5', seed: 7 })
  assert.equal(response.status, 400, response.text)
  assert.equal(JSON.parse(response.text).error.param, 'seed')
  assert.equal(response.headers['x-sluice-attempts'], '0')
})

const count = 2_400
const filler = 'f'.repeat(16 * 1024)
const delta = (index: number): object => ({
  ...{ type: 'content_block_delta', index: 0 },
  delta: { type: 'text_delta', text: `${index} ${filler}` },
})

test('S01 a reader that stops makes a translated provider wait, costs little, and misses nothing', async (t) => {
  const usage = { input_tokens: 1, output_tokens: 1 }
  upstream.on('claude-slow', [
    script.streamHead(),
    script.event({ type: 'message_start', message: { id: 'm', model: 'c', usage } }),
    script.event({
      ...{ type: 'content_block_start', index: 0 },
      content_block: { type: 'text', text: '' },
    }),
    script.repeat(count, (index) => script.event(delta(index))),
    script.event({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage }),
    script.event({ type: 'message_stop' }),
    script.lastChunk(),
  ])
  const beforeKb = gateway.rssKb()
  using client = await rawConnect(gateway.port)
  await client.write(request({ model: 'claude/claude-slow', stream: true }))
  const seen = await upstream.next(({ model }) => model === 'claude-slow')
  await eventually('the stream has begun', () => client.receivedBytes > 0)
  client.pause()
  let [sent, same] = [-1, 0]
  await eventually('the stream is parked', () => {
    same = seen.bytesSent === sent ? same + 1 : 0
    sent = seen.bytesSent
    return same >= 20
  })
  const grownKb = gateway.rssKb() - beforeKb
  t.diagnostic(`parked after ${sent} bytes of the provider's, ${grownKb} KiB more memory`)
  assert.ok(sent < 24 * MiB, `${sent} bytes were taken from the provider`)
  assert.ok(grownKb < 64 * 1024, `${grownKb} KiB more memory`)
  client.resume()
  const { text, complete } = await client.response(30_000)
  assert.equal(complete, true)
  const data = sseData(text)
  assert.equal(data.pop(), '[DONE]')
  const told = data
    .map((line) => JSON.parse(line).choices[0]?.delta.content as string | undefined)
    .filter((content) => content !== undefined && content !== '')
  assert.equal(told.length, count)
  for (const [index, content] of told.entries())
    assert.equal(content?.split(' ', 1)[0], String(index))
})
