import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { GatewayError } from '../core/errors.ts'
import { type FetchImagesOptions, fetchImages, type ImageLink } from './fetch-images.ts'

const png = Buffer.from('\x89PNG\r\n\x1a\nrest of it', 'latin1')
const inside: FetchImagesOptions = {
  maxBytes: 1000,
  maxCount: 20,
  timeoutMs: 10_000,
  allowPrivateNetwork: true,
}

type Handler = (req: IncomingMessage, res: ServerResponse) => void

/** A server of pictures on loopback. */
async function gallery(t: TestContext, answer: Handler) {
  const asked: IncomingMessage[] = []
  const server = createServer((req, res) => {
    asked.push(req)
    answer(req, res)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, asked, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const linksTo = (...urls: string[]): readonly ImageLink[] =>
  urls.map((url, i) => ({ url, param: `messages[0].content[${i}].image_url.url` }))

function fetched(
  links: readonly ImageLink[],
  options: Partial<FetchImagesOptions> = {},
  { signal = new AbortController().signal, take = (_: number): void => {} } = {},
) {
  const clock = new ManualClock()
  const images = fetchImages(links, { ...inside, ...options }, { clock, take }, signal)
  return { clock, images }
}

const refused =
  (message: RegExp, param = 'messages[0].content[0].image_url.url') =>
  (thrown: unknown): boolean => {
    assert.ok(thrown instanceof GatewayError)
    assert.equal(thrown.code, 'invalid_request')
    assert.equal(thrown.status, 400)
    assert.match(thrown.message, message)
    assert.equal(thrown.facts.param, param)
    return true
  }

const picture =
  (body: Buffer | string = png, headers: Record<string, string> = {}): Handler =>
  (_, res) =>
    void res.writeHead(200, { 'content-type': 'image/png', ...headers }).end(body)

test('pictures are fetched each once, with nothing of the caller, and typed by their bytes', async (t) => {
  const { asked, origin } = await gallery(t, (req, res) => {
    if (req.url === '/b')
      picture('%PDF-1.7 …', { 'content-type': 'application/octet-stream' })(req, res)
    else picture(png, { 'content-type': 'image/jpeg' })(req, res)
  })
  let taken = 0
  const { clock, images } = fetched(
    linksTo(`${origin}/a`, `${origin}/b`, `${origin}/a`),
    {},
    {
      signal: new AbortController().signal,
      take: (bytes) => {
        taken += bytes
      },
    },
  )
  const found = await images
  assert.deepEqual([...found.keys()], [`${origin}/a`, `${origin}/b`])
  assert.deepEqual(found.get(`${origin}/a`), {
    mediaType: 'image/png',
    base64: png.toString('base64'),
  })
  assert.equal(found.get(`${origin}/b`)?.mediaType, 'application/pdf')
  assert.equal(asked.length, 2)
  assert.ok(taken >= [...found.values()].reduce((sum, { base64 }) => sum + base64.length - 2, 0))
  for (const { headers } of asked)
    assert.deepEqual(Object.keys(headers).sort(), [
      'accept',
      'accept-encoding',
      'connection',
      'host',
      'user-agent',
    ])
  assert.equal(clock.pending, 0)
})

test('no links, no work', async () => {
  assert.equal((await fetched([]).images).size, 0)
})

for (const [name, handler, message] of [
  ['a page', picture('<html>', { 'content-type': 'text/html' }), /neither a picture nor a PDF/],
  ['a page that says it is a picture', picture('<html>'), /neither a picture of a known kind/],
  ['nothing', picture(''), /neither a picture of a known kind/],
  ['a vector drawing', picture('<svg>', { 'content-type': 'image/svg+xml' }), /of a known kind/],
  ['more than may be, announced', picture(Buffer.alloc(1001)), /larger than 1000 bytes/],
  ['an encoded picture', picture(png, { 'content-encoding': 'gzip' }), /is encoded/],
] as const)
  test(`${name} is refused`, async (t) => {
    const { origin } = await gallery(t, handler)
    await assert.rejects(fetched(linksTo(origin)).images, refused(message))
  })

test('more than may be, unannounced, is cut off at the limit', async (t) => {
  const over = Promise.withResolvers<void>()
  const { server, origin } = await gallery(t, (_, res) => {
    res.writeHead(200, { 'content-type': 'image/png' }).write(png)
    const more = (): void => {
      if (!res.destroyed) res.write(Buffer.alloc(600), more)
    }
    more()
  })
  server.on('connection', (socket) => socket.on('close', over.resolve))
  await assert.rejects(fetched(linksTo(origin)).images, refused(/larger than 1000 bytes/))
  await over.promise
})

test('a status is not told, and neither is what came with it', async (t) => {
  for (const status of [401, 404, 500]) {
    const { origin } = await gallery(t, (_, res) => void res.writeHead(status).end('inner secret'))
    await assert.rejects(fetched(linksTo(origin)).images, (thrown) => {
      assert.doesNotMatch(String(thrown), new RegExp(`inner secret|${status}|127\\.0`))
      return refused(/not answered with what it should/)(thrown)
    })
  }
})

test('the error names the link that failed, and the others are given up', async (t) => {
  let left = 0
  const { origin } = await gallery(t, (req, res) => {
    if (req.url === '/1') res.writeHead(404).end()
    else req.on('close', () => void left++)
  })
  const links = linksTo(`${origin}/0`, `${origin}/1`, `${origin}/2`)
  await assert.rejects(
    fetched(links).images,
    refused(/not answered/, 'messages[0].content[1].image_url.url'),
  )
  while (left < 2) await new Promise((resolve) => setImmediate(resolve))
})

test('at most so many, counted without those that are the same', async (t) => {
  const { origin } = await gallery(t, picture())
  const same = linksTo(origin, origin, `${origin}/2`)
  assert.equal((await fetched(same, { maxCount: 2 }).images).size, 2)
  await assert.rejects(
    fetched(linksTo(origin, `${origin}/2`, `${origin}/3`), { maxCount: 2 }).images,
    refused(/more than 2 links/, 'messages[0].content[2].image_url.url'),
  )
})

test('all together have one time limit', async (t) => {
  const { server, asked, origin } = await gallery(t, () => {})
  const { clock, images } = fetched(linksTo(origin))
  const late = assert.rejects(images, refused(/not fetched within 10000 ms/))
  if (asked.length === 0) await once(server, 'request')
  await clock.advance(10_000)
  await late
  assert.equal(clock.pending, 0)
})

test('the caller leaves: its reason comes back, and the connection is closed', async (t) => {
  const { server, asked, origin } = await gallery(t, () => {})
  const leaving = new AbortController()
  const { images } = fetched(linksTo(origin), {}, { signal: leaving.signal, take: () => {} })
  if (asked.length === 0) await once(server, 'request')
  const closed = new Promise((resolve) => asked[0]?.socket.once('close', resolve))
  const reason = new GatewayError('client_closed', 'gone')
  leaving.abort(reason)
  await assert.rejects(images, reason)
  await closed
})

test('who has left before it began asks nobody', async (t) => {
  const { asked, origin } = await gallery(t, picture())
  const reason = new GatewayError('client_closed', 'gone')
  const signal = AbortSignal.abort(reason)
  await assert.rejects(fetched(linksTo(origin), {}, { signal, take: () => {} }).images, reason)
  assert.equal(asked.length, 0)
})

test('where memory is full the call is refused as any other', async (t) => {
  const { origin } = await gallery(t, picture())
  const full = new GatewayError('overloaded', 'full')
  const take = (): void => {
    throw full
  }
  const signal = new AbortController().signal
  await assert.rejects(fetched(linksTo(origin), {}, { signal, take }).images, full)
})
