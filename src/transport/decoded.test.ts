import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { Headers } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import { decoded } from './decoded.ts'
import type { Exchange, ExchangeHandler } from './transport.ts'

interface Rig {
  /** The upstream's side. */
  readonly source: ExchangeHandler
  readonly exchange: Exchange
  readonly calls: string[]
  readonly text: () => string
  /** Resolves with the end or the failure's code. */
  readonly over: Promise<string>
}

function open(onData?: (rig: Rig) => void): Rig {
  const calls: string[] = []
  const chunks: Buffer[] = []
  const { promise: over, resolve } = Promise.withResolvers<string>()
  let source: ExchangeHandler | undefined
  const inner = {
    dispatched: true,
    abort: () => void calls.push('abort'),
    pause: () => void calls.push('pause'),
    resume: () => void calls.push('resume'),
  }
  const exchange = decoded({
    send(_, handler) {
      source = handler
      return inner
    },
  }).send(
    { path: '/', headers: [], body: Buffer.alloc(0) },
    {
      onHead: (status) => void calls.push(`head ${status}`),
      onData: (chunk) => {
        chunks.push(Buffer.from(chunk))
        onData?.(rig)
      },
      onEnd: () => resolve('end'),
      onFailure: (error) => resolve(error.code),
    },
  )
  const rig: Rig = {
    source: source as ExchangeHandler,
    exchange,
    calls,
    text: () => Buffer.concat(chunks).toString(),
    over,
  }
  return rig
}

const encoders = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
}
const text = 'é🙂 '.repeat(1000)

test('every known encoding arrives decoded, in whatever pieces it comes', async () => {
  for (const [name, encode] of Object.entries(encoders)) {
    const bytes = encode(text)
    for (const spelling of [name, ` ${name.toUpperCase()} `]) {
      const { source, over, text: received } = open()
      source.onHead(200, { 'content-encoding': spelling })
      for (let at = 0; at < bytes.length; at += 7) source.onData(bytes.subarray(at, at + 7))
      source.onEnd()
      assert.equal(await over, 'end', name)
      assert.equal(received(), text)
    }
  }
})

test('what is not encoded passes at once and as it is', async () => {
  for (const headers of [
    {},
    { 'content-encoding': 'identity' },
    { 'content-encoding': 'Identity' },
    { 'content-encoding': '' },
  ] as Headers[]) {
    const { source, over, text: received, exchange, calls } = open()
    source.onHead(200, headers)
    source.onData(Buffer.from('abc'))
    assert.equal(received(), 'abc')
    exchange.pause()
    exchange.resume()
    assert.deepEqual(calls, ['head 200', 'pause', 'resume'])
    source.onEnd()
    assert.equal(await over, 'end')
  }
})

test('a chain, an unknown encoding and a name of an object’s own are refused and the source is closed', async () => {
  const names = ['gzip, br', 'gzip,gzip', 'compress', '__proto__', 'constructor', 'toString']
  for (const name of names) {
    const { source, over, calls } = open()
    source.onHead(200, { 'content-encoding': name })
    assert.equal(await over, 'upstream_invalid_response', name)
    assert.deepEqual(calls, ['abort'])
  }
  const { source, over } = open()
  source.onHead(200, { 'content-encoding': ['gzip', 'br'] })
  assert.equal(await over, 'upstream_invalid_response')
})

test('bytes that are not what they say, or end early, are a failure', async () => {
  const bytes = gzipSync(text)
  for (const bad of [Buffer.from('plain'), bytes.subarray(0, -10)]) {
    const { source, over, calls } = open()
    source.onHead(200, { 'content-encoding': 'gzip' })
    source.onData(bad)
    source.onEnd()
    assert.equal(await over, 'upstream_invalid_response')
    assert.ok(calls.includes('abort'))
  }
})

test('a failure of the source ends the decoding, once', async () => {
  const { source, over } = open()
  source.onHead(200, { 'content-encoding': 'gzip' })
  source.onData(gzipSync(text).subarray(0, 20))
  source.onFailure(new GatewayError('upstream_stream_truncated', 'cut'))
  source.onFailure(new GatewayError('upstream_unreachable', 'again'))
  assert.equal(await over, 'upstream_stream_truncated')
})

test('a bomb stops where the reader gives up', async () => {
  let received = 0
  const rig = open((self) => {
    received += 1
    if (received === 3) self.exchange.abort()
  })
  rig.source.onHead(200, { 'content-encoding': 'gzip' })
  rig.source.onData(gzipSync('0'.repeat(64 * 1024 * 1024)))
  while (!rig.calls.includes('abort')) await setImmediate()
  for (let turns = 0; turns < 20; turns++) await setImmediate()
  assert.equal(received, 3)
})

test('a paused reader pauses the decoder, and through it the source', async () => {
  let chunks = 0
  const rig = open((self) => {
    if (++chunks === 1) self.exchange.pause()
  })
  rig.source.onHead(200, { 'content-encoding': 'gzip' })
  const noise = randomBytes(1024 * 1024).toString('base64')
  const bytes = gzipSync(noise)
  for (let at = 0; at < bytes.length; at += 4096) rig.source.onData(bytes.subarray(at, at + 4096))
  while (!rig.calls.includes('pause')) await setImmediate()
  for (let turns = 0; turns < 20; turns++) await setImmediate()
  assert.equal(chunks, 1)
  rig.exchange.resume()
  while (!rig.calls.includes('resume')) await setImmediate()
  rig.source.onEnd()
  assert.equal(await rig.over, 'end')
  assert.equal(rig.text(), noise)
})
