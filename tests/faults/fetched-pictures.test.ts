import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { type Gateway, startGateway } from '../support/start-gateway.ts'

// Pictures by link for a provider that takes bytes alone, on the started gateway.

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==',
  'base64',
)
const asked: string[] = []
const bodies: string[] = []
const server = createServer(async (req, res) => {
  asked.push(req.url ?? '')
  if (req.method === 'GET') {
    res.writeHead(200, { 'content-type': 'image/png' }).end(png)
    return
  }
  bodies.push(await textOf(req))
  res.writeHead(200, { 'content-type': 'application/json' })
  const message = { role: 'assistant', content: [{ text: 'A dot.' }] }
  const usage = { inputTokens: 60_000, outputTokens: 2, totalTokens: 60_002 }
  res.end(JSON.stringify({ output: { message }, stopReason: 'end_turn', usage }))
})
async function textOf(req: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of req) text += chunk
  return text
}

const provider = (origin: string, fetchImages?: object) => ({
  type: 'bedrock',
  base_url: origin,
  keys: [{ name: 'k', value: 'bedrock-key', region: 'eu-central-1' }],
  ...(fetchImages && { fetch_images: fetchImages }),
})
let gateway: Gateway
let origin: string
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  gateway = await startGateway({
    config: {
      version: 1,
      auth: { inference: 'optional' },
      virtual_keys: [{ name: 'counted', value: counted, limits: { tokens: '100000/1d' } }],
      providers: {
        open: provider(origin, { allow_private_network: true }),
        guarded: provider(origin, {}),
        off: provider(origin),
      },
    },
  })
})
after(async () => {
  await gateway.stop()
  server.close()
})

const counted = 'sk-bf-00000000-0000-4000-8000-00000000c0de'

async function ask(
  model: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; headers: Headers }> {
  const image = { type: 'image_url', image_url: { url: `${origin}/dot.png` } }
  const content = [{ type: 'text', text: 'What is this?' }, image, image]
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: `${model}/some.model`, messages: [{ role: 'user', content }] }),
  })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

test('a picture is fetched once, and goes out as bytes', async () => {
  asked.length = 0
  const { status, text } = await ask('open')
  assert.equal(status, 200, text)
  assert.equal(asked.filter((url) => url === '/dot.png').length, 1)
  const { messages } = JSON.parse(bodies.at(-1) ?? '{}')
  const [, first, second] = messages[0].content
  for (const part of [first, second]) {
    assert.equal(part.image.format, 'png')
    assert.equal(part.image.source.bytes, png.toString('base64'))
  }
})

test('an address inside the own network is not asked, and the field is named', async () => {
  asked.length = 0
  const { status, text } = await ask('guarded')
  assert.equal(status, 400, text)
  assert.match(JSON.parse(text).error.param, /^messages\[0\]\.content\[1\]/)
  assert.deepEqual(asked, [])
})

test('where nothing is fetched the answer says what would work', async () => {
  asked.length = 0
  const { status, text } = await ask('off')
  assert.equal(status, 400, text)
  assert.match(text, /fetch_images/)
  assert.deepEqual(asked, [])
})

test('what a job with pictures used counts for its key like any other', async () => {
  const authorization = `Bearer ${counted}`
  const submitted = await ask('open', { authorization, 'x-bf-async': 'true' })
  assert.equal(submitted.status, 200, submitted.text)
  const id = submitted.headers.get('x-bf-async-id') ?? ''
  const done = await ask('open', { authorization, 'x-bf-async-id': id, 'x-bf-async-wait': '20' })
  assert.equal(done.headers.get('x-bf-async-status'), 'completed', done.text)
  const next = await ask('open', { authorization })
  const left = Number(next.headers.get('x-ratelimit-remaining-tokens'))
  assert.ok(left < 40_000, `${left} tokens are left`)
})
