import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as script from '../../support/upstream-script.ts'
import { completion, finish, role, text } from './chunks.ts'
import { assertError, assertErrorFrame, assertWholeStream } from './expect.ts'
import { eventually, openRig, type Rig } from './rig.ts'

let rig: Rig
before(async () => {
  rig = await openRig({ providers: { narrow: { max_concurrency: 1 } } })
})
after(() => rig.close())

const good = completion('fine')
const marker = 'SECRET-OF-ANOTHER-CALL'
const connectionOf = (model: string): number | undefined =>
  rig.upstream.requests.findLast((request) => request.model === model)?.connection

test('a good connection is used again, for plain replies and for streams', async () => {
  for (const stream of [false, true, false]) {
    const response = await rig.call('narrow/again', { stream })
    assert.equal(response.status, 200)
  }
  const used = rig.upstream.requests.filter(({ model }) => model === 'again')
  assert.equal(new Set(used.map(({ connection }) => connection)).size, 1)
})

test('U44: what a reply says about its connection is kept to', async () => {
  const says = {
    'u44-close': script.json(200, good, { connection: 'close' }),
    'u44-short': script.json(200, good, { 'keep-alive': 'timeout=1' }),
    'u44-old': script.raw(
      `HTTP/1.0 200 OK\r\ncontent-length: ${JSON.stringify(good).length}\r\n\r\n${JSON.stringify(good)}`,
    ),
  }
  for (const [model, steps] of Object.entries(says)) {
    rig.upstream.on(model, [steps, script.keepOpen()])
    assert.deepEqual((await rig.call(`narrow/${model}`)).json(), good)
    assert.equal((await rig.call(`narrow/after-${model}`)).status, 200)
    assert.notEqual(connectionOf(model), connectionOf(`after-${model}`), model)
  }
})

test('U45: a second reply behind the body reaches nobody, and its connection is not used again', async () => {
  const whole = JSON.stringify(good)
  const both = `HTTP/1.1 200 OK\r\ncontent-length: ${whole.length}\r\n\r\n${whole}`
  const second = script.secondReply(marker)
  const extra = second.kind === 'write' ? second.bytes.toString('latin1') : ''
  rig.upstream.on('u45', script.raw(both + extra))
  rig.upstream.on('u45-split', [script.raw(both), script.raw(extra)])
  rig.upstream.on('u45-stream', [script.sse([role, text('a'), finish()]), second])
  for (const model of ['u45', 'u45-split', 'u45-stream'])
    for (let i = 0; i < 5; i++) {
      // The second waits for the one connection while the first is being answered.
      const [first, next] = await Promise.all([
        rig.call(`narrow/${model}`, { stream: model === 'u45-stream' }),
        rig.call(`narrow/next-${model}`),
      ])
      assert.equal(first.status, 200)
      assert.ok(!first.text.includes(marker) && !next.text.includes(marker))
      // Told apart from a reply to itself, at worst the next one sees a connection that broke.
      assert.match(String(next.status), /^(200|502)$/)
      assert.equal((await rig.call(`narrow/later-${model}`)).status, 200)
    }
})

test('U45: bytes nobody asked for on an idle connection reach nobody', async () => {
  assert.equal((await rig.call('narrow/before-push')).status, 200)
  const unsolicited = script.secondReply(marker)
  if (unsolicited.kind === 'write') rig.upstream.pushIdle(unsolicited.bytes)
  const next = await rig.call('narrow/after-push')
  assert.ok(!next.text.includes(marker))
  assert.equal((await rig.call('narrow/later-push')).status, 200)
})

test('U45: a flood of 1xx heads is read over', async () => {
  rig.upstream.on('u45-1xx', [script.informational(1000), script.json(200, good)])
  const response = await rig.call('narrow/u45-1xx')
  assert.deepEqual(response.json(), good)
  assert.deepEqual(response.informational, [])
  assert.equal(response.headers['x-flood'], undefined)
})

test('U45: a switch of protocols that nobody asked for is 502', async () => {
  rig.upstream.on('u45-101', [
    script.head(101, { connection: 'upgrade', upgrade: 'websocket' }),
    script.stall(),
  ])
  assertError(await rig.call('narrow/u45-101'), 502, { code: 'upstream_unreachable' })
})

test('U30: a stream whose reply goes on after [DONE] does not hand its connection to the next call', async () => {
  rig.upstream.on('u30', [
    script.sse([role, finish()], { end: false }),
    script.frame(`data: {"marker":"${marker}"}\n\n`),
    script.stall(),
  ])
  assertWholeStream(await rig.stream('narrow/u30'))
  const next = await rig.stream('narrow/after-u30')
  assertWholeStream(next)
  assert.ok(!next.text.includes(marker))
  assert.notEqual(connectionOf('u30'), connectionOf('after-u30'))
})

test('a provider with all its calls under way lets a hundred wait, and refuses the next, who may come again', async () => {
  rig.upstream.on('full', script.stall())
  using held = await rig.open('narrow/full')
  await rig.upstream.next(({ model }) => model === 'full')
  const waiting = await Promise.all(
    Array.from({ length: 100 }, () => rig.open('narrow/full-waiting')),
  )
  const inFlight = new RegExp(`^sluice_inflight_requests ${waiting.length + 1}$`, 'm')
  await eventually(async () => inFlight.test(await rig.metrics()), 'all of them wait')
  for (const stream of [false, true]) {
    using client = await rig.open('narrow/full-refused', { stream })
    const response = await client.response()
    rig.note(response)
    assertError(response, 503, {
      code: 'overloaded',
      message: /^Provider "narrow": it has 1 calls under way/,
      shouldRetry: 'true',
    })
    assert.equal(response.headers['retry-after'], '1')
    const record = await rig.record(client.label)
    assert.equal(record['input_tokens'], undefined, 'nothing was used')
  }
  for (const client of waiting.slice(1)) client.destroy()
  held.destroy()
  // Those who left are passed over, and who stayed has his turn.
  const [stayed] = waiting
  assert.equal((await stayed?.response())?.status, 200)
  stayed?.destroy()
  assert.equal(rig.upstream.requests.filter(({ model }) => model === 'full-refused').length, 0)
  assert.equal(rig.upstream.requests.filter(({ model }) => model === 'full-waiting').length, 1)
})

test('after every kind of failure the one connection there may be is free again', async () => {
  const failures: [string, script.Steps][] = [
    ['free-rst', script.rst()],
    ['free-fin', script.fin()],
    ['free-cut', [script.sse([role], { done: false, end: false }), script.rst()]],
    ['free-junk', script.raw('junk\r\n\r\n')],
    ['free-html', script.reply(500, '<html>')],
    ['free-error', script.sse([{ error: { message: 'no' } }])],
  ]
  for (const [model, steps] of failures) {
    rig.upstream.on(model, steps)
    for (const stream of [false, true]) {
      const response = await rig.call(`narrow/${model}`, { stream })
      if (response.status === 200) assertErrorFrame(response, { code: 'upstream_stream_truncated' })
      else assert.ok(response.status >= 500)
      assert.equal((await rig.call('narrow/free')).status, 200, `after ${model}`)
    }
  }
})
