import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, Pool } from 'undici'
import { postBytes, rawConnect, sseData } from './raw-client.ts'
import { closedPort, startUpstream } from './upstream.ts'
import * as script from './upstream-script.ts'
import { testAuthority } from './upstream-tls.ts'

const path = '/v1/chat/completions'
const ask = (model: string, fields: object = {}): Buffer =>
  postBytes(path, {}, { model, messages: [{ role: 'user', content: 'one two three' }], ...fields })
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code
const body = (model: string): string => JSON.stringify({ model, messages: [] })
const post = { path, method: 'POST' } as const

test('a reply is delivered in the segments it was cut into', async () => {
  await using upstream = await startUpstream()
  const wire = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabcdef'
  upstream.on('cut', script.raw(wire, { at: [3, 41], pauseMs: 20 }))
  using client = await rawConnect(upstream.port)
  await client.write(ask('cut'))
  assert.equal(String(await client.readUntil((got) => got.length > 0)), wire.slice(0, 3))
  assert.equal(String(await client.readUntil((got) => got.length > 0)), wire.slice(3, 41))
  assert.equal(String(await client.readUntil((got) => got.length > 0)), wire.slice(41))
})

test('a reply cut at every byte still parses, and so does a request', async () => {
  await using upstream = await startUpstream()
  upstream.on('bytes', script.json(200, { text: '🙂 é' }, {}, { split: { every: 1 } }))
  using client = await rawConnect(upstream.port)
  await client.write(ask('bytes'), 1)
  assert.deepEqual((await client.response()).json(), { text: '🙂 é' })
  assert.equal(upstream.requests[0]?.bytesSent, client.receivedBytes)
})

test('a reset after some bytes is seen as ECONNRESET', async () => {
  await using upstream = await startUpstream()
  upstream.on('cut', [script.raw('HTTP/1.1 200 OK\r\n'), script.rst()])
  using client = await rawConnect(upstream.port)
  await client.write(ask('cut'))
  const closed = await client.closed
  assert.equal(closed.how, 'rst')
  assert.equal(closed.code, 'ECONNRESET')
  const pool = new Pool(upstream.url)
  await assert.rejects(
    pool.request({ ...post, body: body('cut') }),
    (error) => codeOf(error) === 'ECONNRESET',
  )
  await pool.destroy()
})

test('a FIN inside a body is told from a reset and leaves the body incomplete', async () => {
  await using upstream = await startUpstream()
  upstream.on('short', [script.json(200, { a: 1 }, {}, { contentLength: 500 }), script.fin()])
  upstream.on('chunk', [...script.chunked('abc').slice(0, 1), script.raw('5\r\nab'), script.fin()])
  for (const model of ['short', 'chunk']) {
    using client = await rawConnect(upstream.port)
    await client.write(ask(model))
    const response = await client.response()
    assert.equal(response.complete, false)
    assert.equal((await client.closed).how, 'fin')
  }
})

test("the peer's going is seen with kind and time while a script stalls", async () => {
  await using upstream = await startUpstream()
  upstream.on('stall', script.stall())
  for (const how of ['fin', 'rst'] as const) {
    using client = await rawConnect(upstream.port)
    await client.write(ask('stall'))
    const request = await upstream.next()
    const leftAt = performance.now()
    if (how === 'fin') client.halfClose()
    else client.rst()
    const closed = await request.closed
    assert.equal(closed.how, how)
    assert.ok(closed.at >= leftAt && closed.at - leftAt < 1_000, `${closed.at - leftAt} ms`)
  }
})

test('the meter counts the content events that were written until the client left', async () => {
  await using upstream = await startUpstream()
  const token = { choices: [{ index: 0, delta: { content: 'x' } }] }
  const role = { choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] }
  const events = [role, token, token, token]
  upstream.on('some', [script.sse(events, { done: false, end: false }), script.stall()])
  using client = await rawConnect(upstream.port)
  await client.write(ask('some', { stream: true }))
  await client.readUntil((got) => sseData(String(got)).length === 4)
  client.rst()
  const [request] = upstream.requests
  assert.equal((await request?.closed)?.how, 'rst')
  assert.equal(request?.tokensEmitted, 3)
})

test('a reader that stops holds up its own stream alone, and loses nothing of it', async () => {
  await using upstream = await startUpstream()
  const sizeBytes = 32 * 1024 * 1024
  const text = 'x'.repeat(64 * 1024 - 10)
  const stream = script.forever(script.chunk(text), { maxBytes: sizeBytes })
  upstream.on('big', [
    script.head(200, { 'transfer-encoding': 'chunked' }),
    stream,
    script.lastChunk(),
  ])
  using client = await rawConnect(upstream.port)
  await client.write(ask('big'))
  client.pause()
  await upstream.next()
  using other = await rawConnect(upstream.port)
  await other.write(ask('other'))
  assert.equal((await other.response()).status, 200)
  client.resume()
  const { body } = await client.response()
  assert.ok(body.length > sizeBytes * 0.99 && body.every((byte) => byte === 120))
  assert.equal(upstream.requests[0]?.bytesSent, client.receivedBytes)
})

test('an endless stream ends with its reader', async () => {
  await using upstream = await startUpstream()
  const event = script.event({ choices: [{ index: 0, delta: { content: 'x' } }] })
  upstream.on('endless', [script.streamHead(), script.forever(event)])
  using client = await rawConnect(upstream.port)
  await client.write(ask('endless'))
  await client.readUntil((got) => got.length > 10_000)
  client.rst()
  const request = await upstream.next()
  assert.equal((await request.closed).how, 'rst')
  assert.ok(request.tokensEmitted > 100)
})

test('several requests use one connection, and undici keeps it', async () => {
  await using upstream = await startUpstream()
  const pool = new Pool(upstream.url, { connections: 1 })
  for (const model of ['a', 'b', 'c']) {
    const answer = await pool.request({
      ...post,
      body: ask(model).subarray(ask(model).indexOf('{')),
    })
    assert.equal(answer.statusCode, 200)
    await answer.body.dump()
  }
  await pool.destroy()
  assert.deepEqual(
    upstream.requests.map((request) => [request.connection, request.model]),
    [
      [1, 'a'],
      [1, 'b'],
      [1, 'c'],
    ],
  )
  assert.deepEqual(upstream.connections.total, 1)
})

test('a chunked request is read, a pipelined one is refused', async () => {
  await using upstream = await startUpstream()
  using client = await rawConnect(upstream.port)
  const start = `POST ${path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`
  await client.write(`${start}9;x=y\r\n{"model":\r\n4\r\n"m"}\r\n0\r\ntrailer: t\r\n\r\n`, 1)
  assert.equal((await client.response()).status, 400)
  assert.equal(upstream.requests[0]?.model, 'm')
  upstream.on('slow', script.stall())
  await client.write(Buffer.concat([ask('slow'), ask('slow')]))
  assert.equal((await client.closed).how, 'rst')
  assert.equal(upstream.pipelined.length, 1)
})

test('a request with two framings is refused and recorded', async () => {
  await using upstream = await startUpstream()
  using client = await rawConnect(upstream.port)
  await client.write(postBytes(path, { 'transfer-encoding': 'chunked' }, 'x'))
  assert.equal((await client.response()).status, 400)
  assert.deepEqual(upstream.malformed, ['content-length beside transfer-encoding'])
})

test('an idle connection closes exactly when the next request comes', async () => {
  await using upstream = await startUpstream()
  upstream.on('trap', [script.json(200, {}), script.dropNextRequest()])
  using client = await rawConnect(upstream.port)
  await client.write(ask('trap'))
  assert.equal((await client.response()).status, 200)
  await client.write(ask('trap'))
  await assert.rejects(client.response())
  assert.equal(upstream.dropped.length, 1)
  assert.equal(upstream.requests.length, 1)
})

test('an answer can come before the body is read, with a reset behind it', async () => {
  await using upstream = await startUpstream()
  const early = [
    script.stopReading(),
    script.json(413, { error: {} }),
    script.wait(20),
    script.rst(),
  ]
  upstream.on('big', early, { afterBodyBytes: 64 * 1024 })
  using client = await rawConnect(upstream.port)
  const sent = client.write(postBytes(path, {}, { model: 'big', filler: 'f'.repeat(20e6) }))
  assert.equal((await client.response()).status, 413)
  await assert.rejects(sent)
  assert.equal((await client.closed).how, 'rst')
})

test('an early answer without a reset leaves the connection good for the next request', async () => {
  await using upstream = await startUpstream()
  upstream.on('big', script.json(400, {}), { afterBodyBytes: 1_000 })
  using client = await rawConnect(upstream.port)
  await client.write(postBytes(path, {}, { model: 'big', filler: 'f'.repeat(5e6) }))
  assert.equal((await client.response()).status, 400)
  await client.write(ask('other'))
  assert.equal((await client.response()).status, 200)
  assert.equal(upstream.requests.length, 2)
})

test('1xx floods, second replies, odd heads and half-closes reach the client as written', async () => {
  await using upstream = await startUpstream()
  const headers = [...script.manyHeaders(10_000), script.bigHeader(65_536)]
  upstream.on('odd', [
    script.informational(50),
    script.reply(200, 'x', headers),
    script.secondReply('MARKER'),
    script.raw('HTTP/1.1 200 OK\r\nx: y\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\nrest'),
    script.halfClose(),
    script.stall(),
  ])
  using client = await rawConnect(upstream.port)
  await client.write(ask('odd'))
  const first = await client.response()
  assert.equal(first.informational.length, 50)
  assert.equal(first.rawHeaders.length, 10_002)
  assert.equal((await client.response()).headers['x-marker'], 'MARKER')
  const last = await client.response()
  assert.equal(last.text, 'rest')
  assert.equal(last.headers['set-cookie'], 'a=1, b=2')
  client.destroy()
  assert.equal((await upstream.requests[0]?.connectionClosed)?.how, 'fin')
})

test('a reason phrase with a line end goes out as given', async () => {
  await using upstream = await startUpstream()
  upstream.on('crlf', [
    script.head(200, { 'content-length': '0' }, { reason: 'OK\r\nx-in: jected' }),
  ])
  using client = await rawConnect(upstream.port)
  await client.write(ask('crlf'))
  assert.equal((await client.response()).headers['x-in'], 'jected')
})

test('a body can be encoded, also twice', async () => {
  await using upstream = await startUpstream()
  upstream.on('coded', script.encoded(200, '{"a":1}', ['br', 'gzip']))
  const response = await fetch(`${upstream.url}${path}`, { method: 'POST', body: body('coded') })
  assert.equal(response.headers.get('content-encoding'), 'br, gzip')
  assert.deepEqual(await response.json(), { a: 1 })
})

test('a dripped stream with CRLF ends keeps its bytes and order', async () => {
  await using upstream = await startUpstream()
  const text = 'data: {"a":1}\r\n\r\ndata: [DONE]\r\n\r\n'
  upstream.on('drip', [script.streamHead({}, 'close'), script.drip(text, 1), script.fin()])
  using client = await rawConnect(upstream.port)
  await client.write(ask('drip'))
  assert.equal((await client.response()).text, text)
})

test('certificates fail in the way they are named, and a good one passes', async () => {
  const outcomes: unknown[] = []
  for (const tls of ['good', 'expired', 'wrong-host', 'self-signed', 'plaintext'] as const) {
    await using upstream = await startUpstream({ tls })
    const client = new Client(upstream.url, { connect: { ca: testAuthority() } })
    const answer = await client.request({ ...post, body: body('m') }).catch(codeOf)
    outcomes.push(typeof answer === 'object' ? 'answered' : answer)
    await client.destroy()
  }
  assert.deepEqual(outcomes, [
    'answered',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ])
})

test('a reset works under TLS, and a stalled handshake can be stopped', async () => {
  await using upstream = await startUpstream({ tls: 'good' })
  upstream.on('cut', [script.raw('HTTP/1.1 200 OK\r\n'), script.rst()])
  using client = await rawConnect(upstream.port, { ca: testAuthority() })
  await client.write(ask('cut'))
  assert.deepEqual((await client.closed).code, 'ECONNRESET')
  const stalled = await startUpstream({ tls: 'stall' })
  const handshake = rawConnect(stalled.port, { ca: testAuthority() })
  const refused = assert.rejects(handshake)
  await stalled.stop()
  await refused
})

test('a crashed upstream refuses until it listens again on the same port', async () => {
  await using upstream = await startUpstream()
  const { port } = upstream
  upstream.on('stall', script.stall())
  using client = await rawConnect(port)
  await client.write(ask('stall'))
  await upstream.next()
  await upstream.crash()
  assert.equal((await client.closed).how, 'rst')
  await assert.rejects(rawConnect(port), (error) => codeOf(error) === 'ECONNREFUSED')
  await assert.rejects(rawConnect(await closedPort()))
  await upstream.listen()
  using again = await rawConnect(port)
  await again.write(ask('m'))
  assert.equal((await again.response()).status, 200)
})

test('stop reports a script that threw', async () => {
  const upstream = await startUpstream()
  upstream.on('bad', () => {
    throw new Error('the script is wrong')
  })
  using client = await rawConnect(upstream.port)
  await client.write(ask('bad'))
  await client.closed
  await assert.rejects(upstream.stop(), AggregateError)
})
