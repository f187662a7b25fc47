import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openaiError } from '../../support/upstream-openai.ts'
import * as script from '../../support/upstream-script.ts'
import { chunk, contentOf, finish, role, text, usageChunk } from './chunks.ts'
import { assertError, assertErrorFrame, assertWholeStream } from './expect.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig
before(async () => {
  rig = await openRig({
    providers: {
      idle: { timeouts: { idle: '250ms' } },
      'first-token': { timeouts: { first_token: '250ms' } },
      total: { timeouts: { stream_total: '900ms' } },
    },
  })
})
after(() => rig.close())

const truncated = { code: 'upstream_stream_truncated', type: 'upstream_error' } as const
const invalid = { code: 'upstream_invalid_response', type: 'upstream_error' } as const
const open = { done: false, end: false } as const
const words = [role, text('one '), text('two ')]

describe('streams', { concurrency: 8 }, () => {
  test('U08: headers and then nothing is 504, since nothing was written to the client', async () => {
    rig.upstream.on('u08', [script.streamHead(), script.stall()])
    rig.upstream.on('u08-comments', [
      script.streamHead(),
      script.forever(script.frame(': ping\n\n'), { everyMs: 20 }),
    ])
    rig.upstream.on('u08-empty', [
      script.streamHead(),
      script.forever(script.event({ choices: [] }), { everyMs: 20 }),
    ])
    for (const model of ['u08', 'u08-comments', 'u08-empty']) {
      const response = await rig.stream(`first-token/${model}`)
      assertError(response, 504, {
        code: 'upstream_timeout',
        message: /250 ms/,
        shouldRetry: 'false',
      })
      const request = await rig.upstream.next((request) => request.model === model)
      assert.notEqual((await request.closed).how, 'done')
    }
  })

  test('U09: a stall between tokens is an error frame after what came', async () => {
    rig.upstream.on('u09', [script.sse(words, open), script.stall()])
    using client = await rig.open('idle/u09', { stream: true })
    const response = await client.response()
    rig.note(response)
    const events = assertErrorFrame(response, {
      code: 'upstream_timeout',
      message: /^Provider "idle": .*silent for 250 ms/,
    })
    assert.equal(contentOf(events), 'one two ')
    const record = await rig.record(client.label)
    assert.equal(record['status'], 504)
    assert.equal(record['output_tokens'], 3)
    assert.equal(record['estimated'], true)
  })

  test('U10: comments keep a stream no more alive than silence does', async () => {
    rig.upstream.on('u10', [
      script.sse(words, open),
      script.forever([script.frame(': ping\n\n'), script.event({ choices: [] })], { everyMs: 20 }),
    ])
    const response = await rig.stream('idle/u10')
    const events = assertErrorFrame(response, { code: 'upstream_timeout' })
    assert.equal(contentOf(events.slice(0, 3)), 'one two ')
    assert.match(response.text, /: ping\n\n/)
  })

  test('the total limit of a stream ends it however lively it is', async () => {
    rig.upstream.on('lively', [
      script.streamHead(),
      script.event(role),
      script.forever(script.event(text('x')), { everyMs: 10 }),
    ])
    assertErrorFrame(await rig.stream('total/lively'), {
      code: 'upstream_timeout',
      message: /not done within 900 ms/,
    })
  })

  test('U12 U13 U14: a stream that breaks after tokens is one error frame and never [DONE]', async () => {
    const half = script.frame('data: {"id":"x","choices":[{"index":0,"delta":{"content":"th')
    const breaks = {
      rst: [script.sse(words, open), script.rst()],
      fin: [script.sse(words, open), script.fin()],
      half: [script.sse(words, open), half, script.rst()],
      'half-fin': [script.sse(words, open), half, script.fin()],
      'mid-chunk': [script.sse(words, open), script.raw('ff\r\ndata: {'), script.fin()],
      'bad-chunk': [script.sse(words, open), script.raw('zz\r\ndata: {}\r\n')],
      'last-chunk': [
        script.head(200, { 'transfer-encoding': 'chunked', connection: 'close' }),
        words.map((each) => script.event(each)),
        script.raw('ff\r\ndata: {'),
        script.fin(),
      ],
      length: [
        script.head(200, { 'content-length': '9999', connection: 'close' }),
        words.map((each) => script.event(each, { framing: 'close' })),
        script.fin(),
      ],
      close: [script.sse(words, { ...open, framing: 'close' }), script.fin()],
      'close-rst': [script.sse(words, { ...open, framing: 'close' }), script.rst()],
    }
    for (const [name, steps] of Object.entries(breaks)) {
      rig.upstream.on(`u12-${name}`, steps)
      const response = await rig.stream(`up/u12-${name}`)
      const bad = name === 'bad-chunk'
      const events = assertErrorFrame(response, {
        ...(bad ? invalid : truncated),
        message: /^Provider "up": /,
      })
      assert.equal(contentOf(events), 'one two ', name)
      assert.ok(!response.text.includes('"th'), 'half an event went out')
    }
  })

  test('S12: a stream that breaks before its first event is a status, one event later a frame', async () => {
    rig.upstream.on('s12-0', [script.streamHead(), script.frame(': hello\n\n'), script.rst()])
    assertError(await rig.stream('up/s12-0'), 502, { ...truncated, shouldRetry: 'false' })
    rig.upstream.on('s12-1', [script.streamHead(), script.event(role), script.rst()])
    assertErrorFrame(await rig.stream('up/s12-1'), truncated)
    const counts = ['s12-0', 's12-1'].map(
      (name) => rig.upstream.requests.filter(({ model }) => model === name).length,
    )
    assert.deepEqual(counts, [1, 1])
  })

  test('U16: a first event that is an error is an HTTP error, also when cut into bytes', async () => {
    const error = openaiError('slow down', {
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
    })
    const splits = [undefined, { every: 1 }, { every: 7 }, { at: [5, 40] }]
    for (const split of splits) {
      rig.upstream.on('u16', [
        script.streamHead(),
        script.frame(': hello\n\n'),
        script.event({ choices: [] }),
        script.event(error, split ? { split } : {}),
        script.lastChunk(),
      ])
      const response = await rig.stream('up/u16')
      assertError(response, 429, {
        code: 'upstream_rate_limited',
        message: 'slow down',
        shouldRetry: 'true',
      })
    }
    rig.upstream.on('u16-named', [
      script.streamHead(),
      script.frame('event: error\ndata: {"message":"too long","type":"invalid_request_error"}\n\n'),
      script.lastChunk(),
    ])
    assertError(await rig.stream('up/u16-named'), 400, {
      code: 'upstream_rejected',
      message: 'too long',
    })
  })

  test('U17 S14: an error after tokens is one frame with the words of the provider', async () => {
    const errors = {
      plain: script.event(openaiError('the model crashed', { type: 'server_error' })),
      named: script.frame('event: error\ndata: {"message":"the model crashed","code":500}\n\n'),
      text: script.event({ error: 'the model crashed' }),
    }
    for (const [name, error] of Object.entries(errors)) {
      rig.upstream.on(`u17-${name}`, [
        script.sse(words, open),
        error,
        script.event(text('late')),
        script.event('[DONE]'),
        script.lastChunk(),
      ])
      const response = await rig.stream(`up/u17-${name}`)
      const events = assertErrorFrame(response, {
        code: 'upstream_error',
        message: 'the model crashed',
      })
      assert.equal(contentOf(events), 'one two ')
    }
    rig.upstream.on('u17-reason', script.sse([...words, finish('error')]))
    assertErrorFrame(await rig.stream('up/u17-reason'), { code: 'upstream_error' })
  })

  test('U28: a missing [DONE] after every choice finished is added', async () => {
    const two = [role, chunk({ content: 'b' }, null, 1), finish(), chunk({}, 'stop', 1)]
    rig.upstream.on('u28', script.sse([...words, finish()], { done: false }))
    rig.upstream.on(
      'u28-close',
      script.sse([...words, finish(), usageChunk(1, 2)], { done: false, framing: 'close' }),
    )
    rig.upstream.on('u28-two', script.sse(two, { done: false }))
    rig.upstream.on('u28-open', [
      script.streamHead({}, 'close'),
      script.frame(`data: ${JSON.stringify(role)}\n\ndata: ${JSON.stringify(finish())}`, {
        framing: 'close',
      }),
      script.fin(),
    ])
    for (const model of ['u28', 'u28-close', 'u28-open']) {
      const response = await rig.stream(`up/${model}`)
      assertWholeStream(response)
      assert.match(response.text, /\n\ndata: \[DONE\]\n\n$/)
    }
    assertWholeStream(await rig.stream('up/u28-two', { n: 2 }))
  })

  test('U29: an end without a finish of every choice is truncated', async () => {
    rig.upstream.on('u29', script.sse(words, { done: false }))
    assertErrorFrame(await rig.stream('up/u29'), truncated)
    const two = [role, chunk({ content: 'b' }, null, 1), finish()]
    rig.upstream.on('u29-two', script.sse(two, { done: false }))
    assertErrorFrame(await rig.stream('up/u29-two', { n: 2 }), truncated)
    rig.upstream.on('u29-nothing', script.sse([], { done: false }))
    assert.equal((await rig.stream('up/u29-nothing')).status, 502)
    rig.upstream.on('u29-done', script.sse([]))
    assertError(await rig.stream('up/u29-done'), 502, truncated)
    rig.upstream.on('u29-choiceless', script.sse([{ choices: [] }, usageChunk(1, 0)]))
    assertError(await rig.stream('up/u29-choiceless'), 502, truncated)
  })

  test('U30: nothing after [DONE] reaches the client, and a connection left open is given up', async () => {
    rig.upstream.on('u30', [
      script.sse([...words, finish()], { end: false }),
      script.event(text('SECRET-LATE')),
      script.event(openaiError('SECRET-LATE')),
      script.stall(),
    ])
    const response = await rig.stream('up/u30')
    assertWholeStream(response)
    assert.ok(!response.text.includes('SECRET-LATE'))
    const request = await rig.upstream.next(({ model }) => model === 'u30')
    assert.notEqual((await request.closed).how, 'done')
    const more = await rig.stream('up/after-u30')
    assertWholeStream(more)
  })
})
