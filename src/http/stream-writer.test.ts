import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { type RawClient, rawConnect } from '../../tests/support/raw-client.ts'
import { GatewayError } from '../core/errors.ts'
import { StreamWriter } from './stream-writer.ts'

let take: (res: ServerResponse) => void = () => undefined
const server = createServer((_req, res) => take(res))
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo
after(() => {
  server.closeAllConnections()
  server.close()
})

interface Writing {
  readonly client: RawClient
  readonly res: ServerResponse
  readonly clock: ManualClock
  readonly writer: StreamWriter
  readonly drained: () => number
  readonly stalled: () => number
}

const keepAliveMs = 15_000

async function begin(): Promise<Writing> {
  const client = await rawConnect(port)
  const asked = new Promise<ServerResponse>((resolve) => {
    take = resolve
  })
  await client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  const res = await asked
  const clock = new ManualClock()
  const seen = { drained: 0, stalled: 0 }
  const writer = new StreamWriter(res, clock, keepAliveMs, {
    onDrain: () => void seen.drained++,
    onStalled: () => void seen.stalled++,
  })
  return { client, res, clock, writer, drained: () => seen.drained, stalled: () => seen.stalled }
}

const frame = Buffer.from('data: {"one":1}\n\n')

test('a stream opens with its headers at once, before there is anything to send', async () => {
  const { client, writer } = await begin()
  assert.equal(writer.isOpen, false)
  writer.open(['x-request-id', 'r'])
  assert.equal(writer.isOpen, true)
  const head = (await client.readUntil('\r\n\r\n')).toString()
  assert.match(head, /^HTTP\/1\.1 200 OK\r\n/)
  for (const line of [
    'content-type: text/event-stream; charset=utf-8',
    'cache-control: no-cache',
    'x-accel-buffering: no',
    'x-request-id: r',
  ])
    assert.ok(head.includes(`${line}\r\n`), line)
  writer.open(['x-request-id', 'again'])
  writer.end()
  client.destroy()
})

test('frames go out as they are, and the end leaves no timer', async () => {
  const { client, writer, clock } = await begin()
  writer.open([])
  assert.equal(writer.write(frame), true)
  assert.equal(writer.write(Buffer.from('data: [DONE]\n\n')), true)
  writer.end()
  const { text, complete } = await client.response()
  assert.equal(text, 'data: {"one":1}\n\ndata: [DONE]\n\n')
  assert.equal(complete, true)
  assert.equal(writer.bytesOut, text.length)
  assert.equal(clock.pending, 0)
  client.destroy()
})

test('a failure is one frame with the envelope and then the end, never [DONE]', async () => {
  const { client, writer, clock } = await begin()
  writer.open([])
  writer.write(frame)
  writer.fail(new GatewayError('upstream_stream_truncated', 'It broke off.'))
  const { text, complete } = await client.response()
  assert.equal(complete, true)
  const [, second, rest] = text.split('\n\n')
  assert.equal(rest, '')
  const { error } = JSON.parse((second ?? '').slice(6)) as {
    error: { message: string; code: string }
  }
  assert.equal(error.message, 'It broke off.')
  assert.equal(error.code, 'upstream_stream_truncated')
  assert.equal(text.includes('[DONE]'), false)
  assert.equal(clock.pending, 0)
  client.destroy()
})

test('S09 silence is broken by a comment, only once it has lasted, and again each time', async () => {
  const { client, writer, clock } = await begin()
  writer.open([])
  await clock.advance(10_000)
  writer.write(frame)
  await clock.advance(14_998)
  assert.equal(writer.bytesOut, frame.length)
  await clock.advance(2)
  assert.equal(writer.bytesOut, frame.length + 2)
  await clock.advance(keepAliveMs)
  assert.equal(writer.bytesOut, frame.length + 4)
  writer.write(frame)
  writer.end()
  const { text } = await client.response()
  assert.equal(text, 'data: {"one":1}\n\n:\n:\ndata: {"one":1}\n\n')
  client.destroy()
})

/** Writes until the client's and our own buffers are full. */
function fill(writer: StreamWriter): number {
  const bytes = Buffer.from(`data: ${'x'.repeat(64 * 1024)}\n\n`)
  let written = 0
  // The first refusal only says that the buffer is over its mark; the kernel may take more a moment later.
  for (let refused = 0; refused < 1_000; ) {
    if (!writer.write(bytes)) refused++
    written += bytes.length
  }
  return written
}

test('S03 a client that has read nothing for 60 s is reported once, and no comment piles up meanwhile', async () => {
  const { client, writer, clock, stalled } = await begin()
  client.pause()
  writer.open([])
  fill(writer)
  const before = writer.bytesOut
  await clock.advance(59_999)
  assert.equal(stalled(), 0)
  assert.equal(writer.bytesOut, before)
  await clock.advance(1)
  assert.equal(stalled(), 1)
  await clock.advance(600_000)
  assert.equal(stalled(), 1)
  writer.stop()
  assert.equal(clock.pending, 0)
  client.rst()
})

test('a stream that is stopped while its client does not read leaves no timer', async () => {
  const { client, writer, clock } = await begin()
  client.pause()
  writer.open([])
  fill(writer)
  assert.equal(clock.pending, 2)
  writer.stop()
  assert.equal(clock.pending, 0)
  client.rst()
})

test('S02 a client that reads again in time is told of by a drain and not reported', async () => {
  const { client, res, writer, clock, drained, stalled } = await begin()
  client.pause()
  writer.open([])
  const written = fill(writer)
  await clock.advance(59_000)
  const drain = new Promise((resolve) => res.once('drain', resolve))
  client.resume()
  await drain
  assert.equal(drained(), 1)
  await clock.advance(59_000)
  assert.equal(stalled(), 0)
  writer.end()
  const { body, complete } = await client.response()
  assert.equal(complete, true)
  assert.equal(body.toString().replaceAll(':\n', '').length, written)
  client.destroy()
})

test('C18 writing to a client that is gone is not refused and costs no bytes', async () => {
  const { client, res, writer, clock } = await begin()
  writer.open([])
  const gone = new Promise((resolve) => res.once('close', resolve))
  client.rst()
  await gone
  assert.equal(writer.write(frame), true)
  assert.equal(writer.bytesOut, 0)
  writer.fail(new GatewayError('upstream_timeout', 'late'))
  await clock.advance(600_000)
  assert.equal(writer.bytesOut, 0)
  assert.equal(clock.pending, 0)
})

test('a stream for a client that left before it began is never opened', async () => {
  const { client, res, writer, clock } = await begin()
  const gone = new Promise((resolve) => res.once('close', resolve))
  client.rst()
  await gone
  writer.open([])
  assert.equal(writer.isOpen, false)
  assert.equal(clock.pending, 0)
})
