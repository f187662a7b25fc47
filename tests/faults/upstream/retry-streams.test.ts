import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openaiError } from '../../support/upstream-openai.ts'
import * as script from '../../support/upstream-script.ts'
import { contentOf, role, text } from './chunks.ts'
import { assertError, assertErrorFrame, assertWholeStream } from './expect.ts'
import { goodAnswer } from './retry-cell.ts'
import { openStage, type Stage } from './retry-stage.ts'

const holdMs = 150
/** Waits long before it asks again. */
const patient = { retries: { base: '5s', cap: '5s' } }

let stage: Stage
before(async () => {
  const slow = { timeouts: { first_byte: '400ms', first_token: '400ms', idle: '300ms' } }
  stage = await openStage({
    providers: { a: { fields: slow }, b: { fields: slow }, patient: { fields: patient } },
    server: { stream: { hold: `${holdMs}ms`, keep_alive: '50ms' } },
  })
})
after(() => stage.close())

/** From the first provider what is given, from the second a good stream. */
const firstSays = (model: string, ...steps: script.Steps[]): void =>
  stage.on(model, (who) => (who === 'a/k1' ? steps : goodAnswer(true)))

const stream = (model: string, fields: object = {}) =>
  stage.call(`a/${model}`, { stream: true, fallbacks: [`b/${model}`], ...fields })

describe('a stream that fails before its first event', { concurrency: 3 }, () => {
  test('is answered by the fallback, as one clean stream that says so', async () => {
    firstSays('refused', script.json(401, openaiError('no')))
    const response = await stream('refused')
    assert.equal(contentOf(assertWholeStream(response)), 'good')
    assert.equal(response.headers['x-sluice-fallback-index'], '1')
    assert.equal(response.headers['x-sluice-provider'], 'b')
    assert.equal(response.headers['x-sluice-attempts'], '2')
  })

  for (const [name, steps] of [
    ['no head', [script.stall()]],
    ['a head alone', [script.streamHead(), script.stall()]],
    [
      'a head and comments',
      [script.streamHead(), script.forever(script.frame(': ping\n\n'), { everyMs: 30 })],
    ],
    [
      'half an event',
      [script.streamHead(), script.frame('data: {"choices":[{"ind'), script.stall()],
    ],
  ] as const)
    test(`U07 U08: one that stalls with ${name} is answered by the fallback`, async () => {
      const model = `stall-${name.replaceAll(' ', '-')}`
      firstSays(model, ...steps)
      const response = await stream(model)
      assert.equal(contentOf(assertWholeStream(response)), 'good')
      assert.ok(!response.text.includes('"ind"'))
      // By then the head was out: it says who was asked when it went.
      assert.match(response.text, /^:/, 'comments came while it was silent')
      assert.deepEqual(stage.asked(model), ['a/k1', 'b/k1'])
    })

  test('and stalls everywhere ends in one error frame, since its head is out', async () => {
    stage.on('all-stall', () => [script.streamHead(), script.stall()])
    const response = await stream('all-stall')
    assert.deepEqual(assertErrorFrame(response, { code: 'upstream_timeout' }), [])
    assert.deepEqual(stage.asked('all-stall'), ['a/k1', 'b/k1'])
  })

  test('and fails everywhere at once is a proper status', async () => {
    stage.on('all-broken', () => script.sse([{ error: { message: 'x', code: 400 } }]))
    assertError(await stream('all-broken'), 400, { code: '400' })
    assert.deepEqual(stage.asked('all-broken'), ['a/k1'])
  })
})

describe('a stream that fails after its first event', { concurrency: 3 }, () => {
  for (const [name, events, said] of [
    ['a role', [role], ''],
    ['a word', [role, text('one')], 'one'],
  ] as const)
    for (const [how, end, code] of [
      ['reset', script.rst(), 'upstream_stream_truncated'],
      ['ended', script.fin(), 'upstream_stream_truncated'],
      ['stalled', script.stall(), 'upstream_timeout'],
      ['an error', script.event({ error: { message: 'x', code: 503 } }), 'upstream_error'],
    ] as const)
      test(`S12: ${how} after ${name}: never anybody else's words`, async () => {
        const model = `late-${how.replace(' ', '-')}-${name.replace(' ', '-')}`
        firstSays(
          model,
          script.streamHead(),
          events.map((each) => script.event(each)),
          end,
        )
        const response = await stream(model)
        assert.equal(contentOf(assertErrorFrame(response, { code })), said)
        assert.equal(response.headers['x-sluice-fallback-index'], undefined)
        assert.deepEqual(stage.asked(model), ['a/k1'])
      })
})

test('S06: whoever leaves between two attempts ends the waiting, and nobody is asked again', async () => {
  stage.on('left', () => script.json(503, openaiError('busy')))
  const client = await stage.open('patient/left')
  const request = await stage.upstream.next(({ model }) => model === 'left')
  await request.closed
  client.rst()
  const record = await stage.record(client.label)
  assert.equal(record['status'], 499)
  assert.ok(Number(record['duration_ms']) < 4000, String(record['duration_ms']))
  assert.equal(stage.asked('left').length, 1)
})
