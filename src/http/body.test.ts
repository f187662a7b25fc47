import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { Timer } from '../core/runtime.ts'
import { BodyBudget, type BodyRules, checkBodyHeaders, type ReadBody, readBody } from './body.ts'

/** A request whose bytes come when the test says so. */
class Incoming extends Readable {
  readonly headers: Record<string, string>
  httpVersion = '1.1'
  complete = false

  constructor(headers: Record<string, string> = {}) {
    super({ read() {} })
    this.headers = headers
  }

  /** The last of the body. */
  finish(bytes?: Uint8Array): void {
    if (bytes) this.push(bytes)
    this.complete = true
    this.push(null)
  }

  asRequest(): IncomingMessage {
    return this as unknown as IncomingMessage
  }
}

interface Reading {
  readonly incoming: Incoming
  readonly clock: ManualClock
  readonly budget: BodyBudget
  readonly body: Promise<ReadBody>
  /** How often the client was asked to go on. */
  readonly asked: () => number
  /** How many timers were ever set. */
  readonly timers: () => number
}

class CountingClock extends ManualClock {
  timers = 0

  override timer(ms: number, fire: () => void): Timer {
    this.timers++
    return super.timer(ms, fire)
  }
}

function read(
  incoming: Incoming,
  { maxBytes = 1000, limit = 10_000 }: { maxBytes?: number; limit?: number } = {},
): Reading {
  const clock = new CountingClock()
  const budget = new BodyBudget(() => limit)
  const rules: BodyRules = { maxBytes, budget, clock }
  let asked = 0
  const res = { writeContinue: () => void asked++ } as unknown as ServerResponse
  const body = readBody(incoming.asRequest(), res, rules)
  return { incoming, clock, budget, body, asked: () => asked, timers: () => clock.timers }
}

const rejectsWith = (promise: Promise<unknown>, code: string, closes?: boolean): Promise<void> =>
  assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof GatewayError)
    assert.equal(error.code, code)
    if (closes !== undefined) assert.equal(error.facts.closeConnection === true, closes)
    return true
  })

/** Lets what was pushed be read. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a body that is there at once is handed over without a timer', async () => {
  const incoming = new Incoming({ 'content-length': '5' })
  incoming.finish(Buffer.from('hello'))
  const { body, budget, timers } = read(incoming)
  const { bytes, charged } = await body
  assert.equal(bytes.toString(), 'hello')
  assert.equal(charged, 5)
  assert.equal(budget.used, 5)
  assert.equal(timers(), 0)
})

test('a body in pieces is joined, charged as it grows, and leaves no timer', async () => {
  const { incoming, body, clock, budget } = read(new Incoming())
  for (const piece of ['one ', 'two ', 'three']) {
    incoming.push(piece)
    await settled()
  }
  assert.equal(budget.used, 13)
  assert.equal(clock.pending, 2)
  incoming.finish()
  const { bytes, charged } = await body
  assert.equal(bytes.toString(), 'one two three')
  assert.equal(charged, 13)
  assert.equal(clock.pending, 0)
})

test('an empty body is no fault of its own', async () => {
  const { incoming, body } = read(new Incoming())
  incoming.finish()
  assert.equal((await body).bytes.length, 0)
})

test('a byte order mark is taken away, and only at the beginning', async () => {
  const mark = Buffer.from([0xef, 0xbb, 0xbf])
  const { incoming, body } = read(new Incoming())
  incoming.finish(Buffer.concat([mark, Buffer.from('{}'), mark]))
  assert.deepEqual((await body).bytes, Buffer.concat([Buffer.from('{}'), mark]))
})

test('C04 a body beyond the limit is refused with its first byte too many, and its bytes are given back', async () => {
  const { incoming, body, clock, budget } = read(new Incoming(), { maxBytes: 10 })
  incoming.push('0123456789')
  await settled()
  assert.equal(budget.used, 10)
  incoming.push('!')
  await rejectsWith(body, 'request_too_large', true)
  assert.equal(budget.used, 0)
  assert.equal(clock.pending, 0)
})

test('what is announced is charged before it comes, so that all bodies together stay within their limit', async () => {
  const budget = new BodyBudget(() => 100)
  budget.take(60)
  assert.throws(() => budget.take(41), { code: 'overloaded' })
  budget.take(40)
  budget.give(100)
  assert.equal(budget.used, 0)
  const { body, budget: full } = read(new Incoming({ 'content-length': '101' }), { limit: 100 })
  await rejectsWith(body, 'overloaded', true)
  assert.equal(full.used, 0)
  const growing = read(new Incoming(), { limit: 5 })
  growing.incoming.push('123456')
  await rejectsWith(growing.body, 'overloaded', true)
  assert.equal(growing.budget.used, 0)
})

test('C13 a body that comes at less than 1 KiB a second is given up after 10 s', async () => {
  const { incoming, body, clock, budget } = read(new Incoming(), {
    maxBytes: 100_000,
    limit: 100_000,
  })
  await settled()
  await clock.advance(5_000)
  incoming.push(Buffer.alloc(10 * 1024 - 1))
  await settled()
  const refused = rejectsWith(body, 'request_timeout', true)
  await clock.advance(4_999)
  assert.ok(budget.used > 0, 'it is still read')
  await clock.advance(1)
  await refused
  assert.equal(budget.used, 0)
  assert.equal(clock.pending, 0)
})

test('C13 a body that keeps its pace is read on, and given up at 60 s all the same', async () => {
  const { incoming, body, clock, budget } = read(new Incoming(), { maxBytes: 1e6, limit: 1e6 })
  for (let tens = 0; tens < 5; tens++) {
    incoming.push(Buffer.alloc(10 * 1024))
    await settled()
    await clock.advance(10_000)
  }
  incoming.push(Buffer.alloc(10 * 1024))
  await settled()
  const refused = rejectsWith(body, 'request_timeout', true)
  await clock.advance(9_999)
  assert.ok(budget.used > 0, 'it is still read')
  await clock.advance(1)
  await refused
  assert.equal(clock.pending, 0)
})

test('C13 a good beginning does not excuse what comes after it', async () => {
  const { incoming, body, clock } = read(new Incoming(), { maxBytes: 1e6, limit: 1e6 })
  await settled()
  incoming.push(Buffer.alloc(100 * 1024))
  await settled()
  await clock.advance(10_000)
  assert.equal(clock.pending, 2)
  const refused = rejectsWith(body, 'request_timeout', true)
  await clock.advance(10_000)
  await refused
})

test('C13 a body that began before it was read is watched like any other', async () => {
  const incoming = new Incoming({ 'content-length': '100' })
  incoming.push('{')
  const { body, clock } = read(incoming)
  await settled()
  const refused = rejectsWith(body, 'request_timeout', true)
  await clock.advance(10_000)
  await refused
})

test('C15 a client that goes away ends the reading', async () => {
  const { incoming, body, clock, budget } = read(new Incoming({ 'content-length': '500' }))
  incoming.push('half')
  await settled()
  assert.equal(budget.used, 500)
  incoming.destroy(new Error('aborted'))
  await rejectsWith(body, 'client_closed')
  assert.equal(budget.used, 0)
  assert.equal(clock.pending, 0)
})

test('C15 a client that had gone before its body was read is found gone, though all of it had come', async () => {
  const incoming = new Incoming({ 'content-length': '4' })
  incoming.finish(Buffer.from('body'))
  incoming.destroy()
  const { body, clock, budget } = read(incoming)
  await rejectsWith(body, 'client_closed')
  assert.equal(budget.used, 0)
  assert.equal(clock.pending, 0)
})

const encoders = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
} as const

test('C25 each encoding is decoded, in pieces too, and its decoded size is what counts', async () => {
  for (const [name, encode] of Object.entries(encoders)) {
    const packed = encode(Buffer.from('x'.repeat(1000)))
    const { incoming, body, budget } = read(
      new Incoming({ 'content-encoding': name.toUpperCase() }),
    )
    for (const byte of packed) incoming.push(Buffer.from([byte]))
    incoming.finish()
    const { bytes, charged } = await body
    assert.equal(bytes.toString(), 'x'.repeat(1000), name)
    assert.equal(charged, 1000)
    assert.equal(budget.used, 1000)
  }
})

test('C25 what inflates beyond the limit is refused while it inflates', async () => {
  for (const [name, encode] of Object.entries(encoders)) {
    const bomb = encode(Buffer.alloc(16 * 1024 * 1024))
    const limits = { maxBytes: 100_000, limit: 150_000 }
    const { incoming, body, budget } = read(new Incoming({ 'content-encoding': name }), limits)
    incoming.finish(bomb)
    await rejectsWith(body, 'request_too_large', true)
    assert.equal(budget.used, 0)
  }
})

test('C25 what is not what its encoding says is refused, and so is what ends too early', async () => {
  for (const [name, encode] of Object.entries(encoders))
    for (const bytes of [
      Buffer.from('plain text'),
      encode(Buffer.from('cut off')).subarray(0, -4),
    ]) {
      const { incoming, body, clock, budget } = read(new Incoming({ 'content-encoding': name }))
      incoming.finish(bytes)
      await rejectsWith(body, 'invalid_encoding', true)
      assert.equal(budget.used, 0)
      assert.equal(clock.pending, 0)
    }
})

test('C26 a client that waits for the word to go on gets it, and one of HTTP/1.0 does not', async () => {
  for (const [version, times] of [
    ['1.1', 1],
    ['1.0', 0],
  ] as const) {
    const incoming = new Incoming({ expect: '100-Continue' })
    incoming.httpVersion = version
    const { body, asked } = read(incoming)
    incoming.finish(Buffer.from('{}'))
    await body
    assert.equal(asked(), times)
  }
  const refused = read(new Incoming({ expect: '100-continue', 'content-length': '101' }), {
    limit: 100,
  })
  await rejectsWith(refused.body, 'overloaded')
  assert.equal(refused.asked(), 0)
})

test('C03 C11 C25 the headers alone refuse a length, a type or an encoding that does not fit', () => {
  const check = (headers: Record<string, string>): void =>
    checkBodyHeaders(new Incoming(headers).asRequest(), 100)
  const fitting: Record<string, string>[] = [
    {},
    { 'content-length': '100' },
    { 'content-type': 'application/json' },
    { 'content-type': ' Application/JSON ; Charset="UTF-8"' },
    { 'content-type': 'application/json; charset=utf8; x=y' },
    { 'content-encoding': '' },
    { 'content-encoding': ' GZIP ' },
    { 'content-encoding': 'identity' },
  ]
  for (const headers of fitting) assert.doesNotThrow(() => check(headers), JSON.stringify(headers))
  const refused: readonly (readonly [Record<string, string>, string])[] = [
    [{ 'content-length': '101' }, 'request_too_large'],
    [{ 'content-type': 'text/plain' }, 'unsupported_media_type'],
    [{ 'content-type': '' }, 'unsupported_media_type'],
    [{ 'content-type': 'application/json; charset=latin1' }, 'unsupported_media_type'],
    [{ 'content-type': 'application/json; charset' }, 'unsupported_media_type'],
    [{ 'content-encoding': 'gzip, br' }, 'unsupported_encoding'],
    [{ 'content-encoding': 'constructor' }, 'unsupported_encoding'],
  ]
  for (const [headers, code] of refused)
    assert.throws(
      () => check(headers),
      (error: unknown) => {
        assert.ok(error instanceof GatewayError)
        assert.equal(error.code, code, JSON.stringify(headers))
        assert.equal(error.facts.closeConnection, true)
        return true
      },
    )
})
