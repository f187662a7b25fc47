import assert from 'node:assert/strict'
import test from 'node:test'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import { encodeFrame } from '../../tests/dialects/bedrock-converse/frames.ts'
import { GatewayError } from '../core/errors.ts'
import { type EventStreamFrame, EventStreamFramer } from './aws-event-stream.ts'

const hello = encodeFrame({ event: 'a', payload: { text: 'Grüße' } })
const other = encodeFrame({ event: 'b', payload: { text: 'x'.repeat(300) } })

function framesOf(bytes: Uint8Array, size: number): EventStreamFrame[] {
  const framer = new EventStreamFramer()
  const frames: EventStreamFrame[] = []
  for (let at = 0; at < bytes.length; at += size)
    frames.push(...framer.push(Buffer.from(bytes.subarray(at, at + size))))
  return frames
}

/** What is handed out before the error, and the error. */
function broken(bytes: Uint8Array): { events: unknown[]; code: string; message: string } {
  const events: unknown[] = []
  try {
    for (const frame of new EventStreamFramer().push(bytes))
      events.push(frame.headers[':event-type'])
  } catch (thrown) {
    assert.ok(thrown instanceof GatewayError)
    return { events, code: thrown.code, message: thrown.message }
  }
  throw new Error('nothing was wrong with it')
}

test('frames are the same wherever the bytes are cut', () => {
  const bytes = Buffer.concat([hello, other, hello])
  const whole = framesOf(bytes, bytes.length)
  assert.deepEqual(
    whole.map(({ headers, payload }) => [headers[':event-type'], JSON.parse(payload).text.length]),
    [
      ['a', 5],
      ['b', 300],
      ['a', 5],
    ],
  )
  for (let size = 1; size < bytes.length; size++) assert.deepEqual(framesOf(bytes, size), whole)
})

test('a frame that another encoder made is read', () => {
  const codec = new EventStreamCodec(
    (bytes) => Buffer.from(bytes as Uint8Array).toString(),
    (text) => Buffer.from(text),
  )
  const bytes = codec.encode({
    headers: {
      ':event-type': { type: 'string', value: 'a' },
      count: { type: 'integer', value: 7 },
    },
    body: Buffer.from('{}'),
  })
  assert.deepEqual(framesOf(bytes, 5), [{ headers: { ':event-type': 'a' }, payload: '{}' }])
})

test('half a frame at the end is no frame', () => {
  const framer = new EventStreamFramer()
  assert.deepEqual([...framer.push(hello.subarray(0, hello.length - 1))], [])
  assert.equal(framer.end(), null)
})

test('one wrong bit anywhere is found, and the frames before it are handed out', () => {
  for (let at = 0; at < hello.length; at++) {
    const bytes = Buffer.concat([other, hello])
    bytes[other.length + at] = (bytes[other.length + at] ?? 0) ^ 4
    const { events, code, message } = broken(bytes)
    assert.deepEqual(events, ['b'])
    assert.equal(code, 'upstream_invalid_response')
    assert.match(message, /checksum is wrong/)
  }
})

test('a wrong length is found before the bytes that it promises came', () => {
  const bytes = Buffer.from(hello.subarray(0, 12))
  bytes.writeUInt32BE(5_000_000, 0)
  assert.match(broken(bytes).message, /checksum is wrong/)
})

test('a frame over 16 MiB is refused by its first bytes', () => {
  const big = encodeFrame({ event: 'a', payload: `"${'x'.repeat(16 * 1024 * 1024)}"` })
  assert.match(broken(big.subarray(0, 12)).message, /over 16 MiB/)
})

test('a text that begins like a reply is no stream', () => {
  assert.equal(broken(Buffer.from('{"message":"no"}')).code, 'upstream_invalid_response')
})
