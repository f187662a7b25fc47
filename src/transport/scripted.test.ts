import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { type Script, scriptedEndpoint } from './scripted.ts'
import type { Exchange, ExchangeHandler } from './transport.ts'

const frame = (text: string, afterMs = 0): Script['frames'][number] => ({
  afterMs,
  bytes: Buffer.from(text),
})

function play(script: Partial<Script>): { clock: ManualClock; seen: string[]; exchange: Exchange } {
  const clock = new ManualClock()
  const seen: string[] = []
  const handler: ExchangeHandler = {
    onHead: (status) => seen.push(`head ${status}`),
    onData: (chunk) => seen.push(chunk.toString()),
    onEnd: () => seen.push('end'),
    onFailure: (error) => seen.push(error.code),
  }
  const whole = { status: 200, headers: {}, frames: [], end: 'end', ...script } as const
  const request = { path: '/', headers: [], body: Buffer.alloc(0) }
  const exchange = scriptedEndpoint(() => whole, clock).send(request, handler)
  return { clock, seen, exchange }
}

test('nothing is told before the call that asked has returned', async () => {
  const { clock, seen } = play({ frames: [frame('a')] })
  assert.deepEqual(seen, [])
  await clock.advance(0)
  assert.deepEqual(seen, ['head 200', 'a', 'end'])
})

test('each frame comes so long after the one before, those without a wait in one burst', async () => {
  const { clock, seen } = play({ frames: [frame('a', 10), frame('b'), frame('c', 20)] })
  await clock.advance(9)
  assert.deepEqual(seen, [])
  await clock.advance(1)
  assert.deepEqual(seen, ['head 200', 'a', 'b'])
  await clock.advance(20)
  assert.deepEqual(seen, ['head 200', 'a', 'b', 'c', 'end'])
})

test('a script may be cut off or fall silent', async () => {
  const cut = play({ frames: [frame('a')], end: 'cut' })
  await cut.clock.advance(1)
  assert.deepEqual(cut.seen, ['head 200', 'a', 'upstream_stream_truncated'])
  const stall = play({ frames: [frame('a')], end: 'stall' })
  await stall.clock.advance(1_000_000)
  assert.deepEqual(stall.seen, ['head 200', 'a'])
  assert.equal(stall.clock.pending, 0)
})

test('a pause holds back what is due until the resume, and nothing is lost', async () => {
  const { clock, seen, exchange } = play({ frames: [frame('a', 10), frame('b', 10)] })
  await clock.advance(10)
  exchange.pause()
  await clock.advance(100)
  assert.deepEqual(seen, ['head 200', 'a'])
  exchange.resume()
  assert.deepEqual(seen, ['head 200', 'a', 'b', 'end'])
})

test('after an abort nothing more is told and no timer stays', async () => {
  const { clock, seen, exchange } = play({ frames: [frame('a', 10)] })
  exchange.abort()
  assert.equal(clock.pending, 0)
  await clock.advance(100)
  exchange.resume()
  assert.deepEqual(seen, [])
})
