import assert from 'node:assert/strict'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { after, test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { type RawClient, rawConnect } from '../../tests/support/raw-client.ts'
import { createHttpServer } from './server.ts'

const clock = new ManualClock()
/** What is served, as a test wants it. */
let handler: (req: IncomingMessage, res: ServerResponse) => void = (req, res) => res.end(req.url)
const server = await listening(
  createHttpServer({
    front: null,
    handler: (req, res) => handler(req, res),
    newId: () => 'ours',
    clock,
  }),
)
const { port } = server.address() as AddressInfo
after(() => {
  server.closeAllConnections()
  server.close()
})
let latest: Socket | null = null
server.on('connection', (socket: Socket) => {
  latest = socket
})

async function listening(created: Server): Promise<Server> {
  await new Promise<void>((resolve) => created.listen(0, '127.0.0.1', resolve))
  return created
}

const get = (path: string, ...lines: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'host: a', ...lines, '', ''].join('\r\n')

async function ask(bytes: string): Promise<RawClient> {
  const client = await rawConnect(port)
  client.write(bytes).catch(() => undefined)
  return client
}

test('the limits that need no route are in force', () => {
  assert.equal(server.headersTimeout, 15_000)
  assert.equal(server.keepAliveTimeout, 75_000)
  assert.equal(server.requestTimeout, 0)
  assert.equal(server.timeout, 0)
})

test('the front takes what it knows, and the rest goes on', async () => {
  const both = await listening(
    createHttpServer({
      front: (req, res) => {
        if (req.url !== '/front') return false
        res.end('front')
        return true
      },
      handler: (_req, res) => res.end('handler'),
      newId: () => 'ours',
      clock,
    }),
  )
  using client = await rawConnect((both.address() as AddressInfo).port)
  for (const path of ['/front', '/other']) {
    await client.write(get(path))
    assert.equal((await client.response()).text, path === '/front' ? 'front' : 'handler')
  }
  both.closeAllConnections()
  both.close()
})

test('C23 what is no request is answered with the envelope, and the connection ends a second later at most', async () => {
  const pending = clock.pending
  using client = await ask('nonsense\r\n\r\n')
  const { status, headers, json } = await client.response()
  assert.equal(status, 400)
  assert.equal(headers['connection'], 'close')
  assert.equal(headers['x-request-id'], 'ours')
  assert.equal(headers['x-should-retry'], 'false')
  assert.equal((json() as { error: { code: string } }).error.code, 'invalid_request')
  assert.equal((await client.closed).how, 'fin')
  const socket = latest as unknown as Socket
  const before = socket.bytesRead
  await client.write('more of it')
  await until(() => socket.bytesRead > before)
  // Ending it now would reset the connection, and with it an answer that is not read yet.
  assert.equal(socket.destroyed, false)
  assert.equal(clock.pending, pending + 1)
  const gone = new Promise((resolve) => socket.once('close', resolve))
  await clock.advance(1000)
  await gone
  assert.equal(clock.pending, pending)
})

test('C28 a refusal is read by a client that goes on sending', async () => {
  using client = await ask(get('/', `cookie: ${'c'.repeat(3_000_000)}`))
  const { status, json } = await client.response()
  assert.equal(status, 431)
  assert.equal((json() as { error: { code: string } }).error.code, 'headers_too_large')
  await clock.advance(1000)
  await client.closed
})

test('a broken request behind an answer that has begun ends the connection without a word in between', async () => {
  handler = (_req, res) => void res.write('begun')
  using client = await ask(get('/'))
  await client.readUntil('begun')
  client.write('nonsense\r\n\r\n').catch(() => undefined)
  await client.closed
  assert.equal(client.peek().includes('400'), false)
  handler = (req, res) => res.end(req.url)
})

test('a broken request behind a finished answer is answered too', async () => {
  using client = await ask(get('/first'))
  assert.equal((await client.response()).text, '/first')
  await client.write('nonsense\r\n\r\n')
  assert.equal((await client.response()).status, 400)
  await clock.advance(1000)
})

test('an absolute address means its path, and others stay as they are', async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['/plain?x=http://a/b', '/plain?x=http://a/b'],
    ['http://a/b/c?d', '/b/c?d'],
    ['HTTPS://u@h:1/x', '/x'],
    ['http://a', '/'],
    ['http://a?q', '/?q'],
    ['//a/b', '//a/b'],
  ]
  for (const [sent, meant] of cases) {
    using client = await ask(get(sent))
    assert.equal((await client.response()).text, meant)
  }
})

test('S03 the rest of a finished answer may stay unread for 60 s of silence, and no longer', async () => {
  let served: ServerResponse | null = null
  handler = (_req, res) => {
    served = res
    res.end(Buffer.alloc(32 * 1024 * 1024))
  }
  const client = await rawConnect(port)
  client.pause()
  await client.write(get('/'))
  await until(() => served?.writableEnded === true)
  const socket = latest as unknown as Socket
  assert.equal(socket.timeout, 60_000)
  // The timer itself is the runtime's; what it does is what it would do when it rang.
  const gone = new Promise((resolve) => socket.once('close', resolve))
  socket.emit('timeout')
  await gone
  client.destroy()
  handler = (req, res) => res.end(req.url)
})

test('S03 a request that follows an unread answer has its own time once that was read', async () => {
  const second = Promise.withResolvers<ServerResponse>()
  let first: ServerResponse | null = null
  handler = (req, res) => {
    if (req.url === '/second') return second.resolve(res)
    first = res
    res.end(Buffer.alloc(32 * 1024 * 1024))
  }
  using client = await rawConnect(port)
  client.pause()
  await client.write(get('/first') + get('/second'))
  await until(() => first?.writableEnded === true)
  const socket = latest as unknown as Socket
  assert.equal(socket.timeout, 60_000)
  const answered = client.response()
  client.resume()
  assert.equal((await answered).complete, true)
  const res = await second.promise
  await until(() => first?.closed === true)
  assert.equal(socket.timeout, 0)
  handler = (req, next) => next.end(req.url)
  res.end('second')
  assert.equal((await client.response()).text, 'second')
})

test('closing the idle connections spares those whose answer is not read yet', async () => {
  using idle = await ask(get('/'))
  await idle.response()
  let served: ServerResponse | null = null
  handler = (_req, res) => {
    served = res
    res.end(Buffer.alloc(32 * 1024 * 1024))
  }
  using client = await rawConnect(port)
  client.pause()
  await client.write(get('/'))
  await until(() => served?.writableEnded === true)
  handler = (req, res) => res.end(req.url)
  server.closeIdleConnections()
  const answered = client.response()
  client.resume()
  const { complete, body } = await answered
  assert.deepEqual([complete, body.length], [true, 32 * 1024 * 1024])
  await until(() => served?.closed === true)
  server.closeIdleConnections()
  await Promise.all([client.closed, idle.closed])
})

const post = (length: number, body: string): string =>
  `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n\r\n${body}`

test('C03 the rest of a request that was answered may take 5 s to come', async () => {
  const pending = clock.pending
  for (const rest of [null, 'x'.repeat(90)]) {
    using client = await ask(post(100, 'x'.repeat(10)))
    const { headers, text } = await client.response()
    assert.deepEqual([headers['connection'], text], ['keep-alive', '/'])
    const socket = latest as unknown as Socket
    await until(() => clock.pending === pending + 1)
    await clock.advance(4999)
    assert.equal(socket.destroyed, false)
    if (rest !== null) {
      await client.write(rest)
      await until(() => clock.pending === pending)
      await clock.advance(1)
      await client.write(get('/next'))
      assert.equal((await client.response()).text, '/next')
    } else {
      await clock.advance(1)
      await client.closed
      assert.equal(clock.pending, pending)
    }
  }
})

test('C03 who leaves with the rest of an answered request takes its time limit along', async () => {
  const pending = clock.pending
  using client = await ask(post(100, 'x'))
  await client.response()
  await until(() => clock.pending === pending + 1)
  client.rst()
  await until(() => clock.pending === pending)
})

test('an answer that was taken at once leaves the usual time for the next request', async () => {
  using client = await ask(get('/'))
  await client.response()
  const socket = latest as unknown as Socket
  await until(() => (socket.timeout ?? 0) >= 75_000)
})

test('C26 an expectation other than 100-continue is refused', async () => {
  using client = await ask(get('/', 'expect: miracles'))
  const { status, headers } = await client.response()
  assert.equal(status, 417)
  assert.equal(headers['connection'], 'close')
  assert.equal(headers['x-request-id'], 'ours')
})

test('C26 the word to go on is left to whoever reads the body', async () => {
  using client = await ask(get('/', 'expect: 100-continue'))
  const { status, informational } = await client.response()
  assert.equal(status, 200)
  assert.deepEqual(informational, [])
})

async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setImmediate(resolve))
}
