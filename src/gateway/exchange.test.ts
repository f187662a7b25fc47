import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import type { Attempt } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import type { ExchangeHandler } from '../transport/transport.ts'
import { type Answered, type ExchangeOptions, exchange } from './exchange.ts'
import { relayed } from './form.ts'
import type { AnswerStream } from './held-stream.ts'

interface Rig {
  readonly clock: ManualClock
  /** The upstream's side. */
  readonly source: ExchangeHandler
  readonly calls: string[]
  readonly attempt: Attempt
  readonly controller: AbortController
  readonly answered: Promise<Answered>
  /** Whether the request has left. */
  dispatched: boolean
  /** Whether it waits for one of our own connections. */
  waiting: boolean
}

function send(options: Partial<ExchangeOptions> = {}, start: { waiting?: boolean } = {}): Rig {
  const clock = new ManualClock()
  const calls: string[] = []
  const controller = new AbortController()
  const attempt: Attempt = {
    role: 'first',
    provider: 'p',
    model: 'm',
    key: null,
    startedMs: 0,
    sentMs: null,
    headMs: null,
    endedMs: null,
    status: null,
    error: null,
    spanId: null,
    hold: null,
    costNanos: null,
    usage: null,
  }
  const found: { source?: ExchangeHandler } = {}
  const state = { dispatched: true, waiting: false, ...start }
  const endpoint = {
    send(_: unknown, handler: ExchangeHandler) {
      found.source = handler
      return {
        get dispatched() {
          return state.dispatched
        },
        get waiting() {
          return state.waiting
        },
        abort: () => void calls.push('abort'),
        pause: () => void calls.push('pause'),
        resume: () => void calls.push('resume'),
      }
    },
  }
  const answered = exchange(
    endpoint,
    { path: '/', headers: [], body: Buffer.alloc(0) },
    {
      stream: false,
      includeUsage: false,
      choices: 1,
      form: relayed(undefined),
      explain: (error) => new GatewayError(error.code, `said: ${error.message}`, error.facts),
      slotMs: 30,
      limits: { firstByteMs: 100, firstTokenMs: 200, idleMs: 50, totalMs: 1000 },
      maxReplyBytes: 1000,
      clock,
      signal: controller.signal,
      attempt,
      ...options,
    },
  )
  answered.catch(() => undefined)
  const source = found.source as ExchangeHandler
  return Object.assign(state, { clock, source, calls, attempt, controller, answered })
}

const failed = async (rig: Rig): Promise<GatewayError> => {
  const error: unknown = await rig.answered.then(
    () => assert.fail('it was answered'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof GatewayError)
  assert.equal(rig.attempt.error?.code, error.code)
  assert.notEqual(rig.attempt.endedMs, null)
  assert.equal(rig.clock.pending, 0, 'no timer is left')
  return error
}
const event = (wire: unknown): Buffer => Buffer.from(`data: ${JSON.stringify(wire)}\n\n`)
const token = event({ choices: [{ index: 0, delta: { content: 'a' } }] })
const end = event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })

async function begun(
  options: Partial<ExchangeOptions> = {},
): Promise<Rig & { stream: AnswerStream }> {
  const rig = send({ stream: true, ...options })
  rig.source.onHead(200, {})
  rig.source.onData(token)
  const answered = await rig.answered
  assert.equal(answered.kind, 'stream')
  return Object.assign(rig, { stream: (answered as Extract<Answered, { kind: 'stream' }>).stream })
}

test('a good plain reply is its bytes and headers, and leaves no timer', async () => {
  const rig = send()
  rig.source.onHead(200, { 'x-a': '1' })
  rig.source.onData(Buffer.from('{"a"'))
  rig.source.onData(Buffer.from(':1}'))
  rig.source.onEnd()
  const answered = await rig.answered
  assert.deepEqual(answered, {
    kind: 'body',
    body: Buffer.from('{"a":1}'),
    headers: { 'x-a': '1' },
  })
  assert.deepEqual(rig.calls, [])
  assert.equal(rig.clock.pending, 0)
  assert.equal(rig.attempt.status, 200)
})

test('who gets no connection in time is refused by us, which is no failure of the provider', async () => {
  const rig = send({}, { waiting: true })
  rig.dispatched = false
  await rig.clock.advance(29)
  assert.deepEqual(rig.calls, [])
  await rig.clock.advance(1)
  const error = await failed(rig)
  assert.equal(error.code, 'overloaded')
  assert.equal(error.facts.dispatched, false)
  assert.deepEqual(rig.calls, ['abort'])
})

test('who has got its connection is not asked any more how long it waited', async () => {
  const rig = send({}, { waiting: true })
  rig.waiting = false
  await rig.clock.advance(50)
  assert.deepEqual(rig.calls, [])
  await rig.clock.advance(50)
  assert.equal((await failed(rig)).code, 'upstream_timeout')
})

test('where the wait for a connection has no limit of its own, its end is ours all the same', async () => {
  const rig = send({ slotMs: null }, { waiting: true })
  rig.dispatched = false
  await rig.clock.advance(99)
  assert.deepEqual(rig.calls, [])
  await rig.clock.advance(1)
  assert.equal((await failed(rig)).code, 'overloaded')
})

test('an error is decoded with its status, and its body is read to 64 KiB at most', async () => {
  const rig = send()
  rig.source.onHead(404, {})
  rig.source.onData(Buffer.from('{"error":{"message":"no such model","code":"nope"}}'))
  rig.source.onEnd()
  const error = await failed(rig)
  assert.equal(error.message, 'no such model')
  assert.equal(error.status, 404)
  const endless = send()
  endless.source.onHead(500, {})
  for (let i = 0; i < 5; i++) endless.source.onData(Buffer.alloc(16 * 1024, 120))
  assert.equal((await failed(endless)).code, 'upstream_error')
  assert.deepEqual(endless.calls, ['abort'])
})

test('a reply over its bound is refused and closed', async () => {
  for (const stream of [false, true]) {
    const rig = send({ stream })
    rig.source.onHead(200, {})
    rig.source.onData(Buffer.from(`{${' '.repeat(1000)}`))
    assert.equal((await failed(rig)).code, 'upstream_invalid_response')
    assert.deepEqual(rig.calls, ['abort'])
  }
})

test('each phase has its limit, in plain calls and in streams', async () => {
  const silent = send()
  await silent.clock.advance(100)
  assert.match((await failed(silent)).message, /did not begin to answer within 100 ms/)
  for (const stream of [false, true]) {
    const head = send({ stream })
    head.source.onHead(200, {})
    await head.clock.advance(199)
    assert.deepEqual(head.calls, [])
    await head.clock.advance(1)
    const error = await failed(head)
    assert.equal(error.code, 'upstream_timeout')
    assert.match(error.message, /within 200 ms/)
    assert.deepEqual(head.calls, ['abort'])
  }
  const drip = send()
  drip.source.onHead(200, {})
  drip.source.onData(Buffer.from('{'))
  await drip.clock.advance(999)
  assert.deepEqual(drip.calls, [])
  await drip.clock.advance(1)
  assert.match((await failed(drip)).message, /not done within 1 s/)
})

test('an error whose body stalls is given up at the limit of the first token', async () => {
  const rig = send()
  rig.source.onHead(500, {})
  rig.source.onData(Buffer.from('{'))
  await rig.clock.advance(200)
  assert.equal((await failed(rig)).code, 'upstream_timeout')
})

test('who gives up before the request has left is told that nothing was sent', async () => {
  for (const dispatched of [false, true]) {
    const late = send()
    late.dispatched = dispatched
    await late.clock.advance(100)
    assert.equal((await failed(late)).facts.dispatched, dispatched)
    const left = send()
    left.dispatched = dispatched
    left.controller.abort(new GatewayError('client_closed', 'gone'))
    const error = await failed(left)
    assert.equal(error.code, 'client_closed')
    assert.equal(error.facts.dispatched, dispatched)
    assert.deepEqual(left.calls, ['abort'])
  }
})

test('a signal that is aborted already sends nothing', async () => {
  const reason = new GatewayError('client_closed', 'gone')
  const never = { send: () => assert.fail('it was sent') }
  const options = { signal: AbortSignal.abort(reason) } as unknown as ExchangeOptions
  const request = { path: '/', headers: [], body: Buffer.alloc(0) }
  await assert.rejects(exchange(never, request, options), reason)
})

test('a failure of the network is passed on; a plain reply that breaks off is a wrong answer', async () => {
  const codes = { false: 'upstream_invalid_response', true: 'upstream_stream_truncated' }
  for (const stream of [false, true]) {
    const rig = send({ stream })
    rig.source.onHead(200, {})
    rig.source.onFailure(new GatewayError('upstream_stream_truncated', 'cut', { dispatched: true }))
    assert.equal((await failed(rig)).code, codes[`${stream}`])
    const refused = send({ stream })
    refused.source.onFailure(new GatewayError('upstream_unreachable', 'no', { dispatched: false }))
    assert.equal((await failed(refused)).facts.dispatched, false)
  }
})

test('an object in place of a stream is collected, whatever space stands before it', async () => {
  for (const begin of ['', ' \n', '\ufeff', '\r\n\t']) {
    const rig = send({ stream: true })
    rig.source.onHead(200, {})
    for (const byte of Buffer.from(`${begin}{"a":1}`)) rig.source.onData(Buffer.of(byte))
    rig.source.onEnd()
    assert.equal((await rig.answered).kind, 'body')
  }
})

test('a stream is handed over at its first event, and silence is measured from then', async () => {
  const rig = await begun()
  const over = rig.stream.pump({ write: () => true })
  await rig.clock.advance(49)
  rig.source.onData(token)
  await rig.clock.advance(49)
  assert.deepEqual(rig.calls, [], 'the event started the silence anew')
  rig.source.onData(Buffer.from(': ping\n\n'))
  await rig.clock.advance(1)
  const { error } = await over
  assert.match(error?.message ?? '', /^said: its stream fell silent for 50 ms/)
  assert.deepEqual(rig.calls, ['abort'])
  assert.equal(rig.clock.pending, 0)
})

test('a slow reader pauses the source and stops the clock of silence', async () => {
  const rig = await begun()
  let takes = false
  const over = rig.stream.pump({ write: () => takes })
  assert.deepEqual(rig.calls, ['pause'])
  await rig.clock.advance(500)
  takes = true
  rig.stream.resume()
  assert.deepEqual(rig.calls, ['pause', 'resume'])
  await rig.clock.advance(50)
  assert.equal((await over).error?.code, 'upstream_timeout')
})

test('a client that leaves ends the stream at once', async () => {
  const rig = await begun()
  const over = rig.stream.pump({ write: () => true })
  rig.controller.abort(new GatewayError('client_closed', 'gone'))
  assert.equal((await over).error?.code, 'client_closed')
  assert.deepEqual(rig.calls, ['abort'])
  rig.source.onData(token)
  rig.source.onEnd()
  assert.equal(rig.attempt.error?.code, 'client_closed')
})

test('a finished stream may end by itself for a second, resumed if it was paused, and is then given up', async () => {
  const rig = await begun()
  const over = rig.stream.pump({ write: () => false })
  rig.source.onData(Buffer.concat([end, Buffer.from('data: [DONE]\n\n')]))
  assert.deepEqual(await over, { error: null })
  assert.equal(rig.calls.at(-1), 'resume')
  assert.equal(rig.attempt.error, null)
  await rig.clock.advance(999)
  assert.ok(!rig.calls.includes('abort'))
  await rig.clock.advance(1)
  assert.equal(rig.calls.at(-1), 'abort')
})
