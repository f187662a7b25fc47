import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openaiError } from '../../support/upstream-openai.ts'
import * as script from '../../support/upstream-script.ts'
import { completion, finish, role, text, usageChunk } from './chunks.ts'
import { assertError, assertErrorFrame, assertWholeStream } from './expect.ts'
import { canaryHeader, canaryKey, openRig, type Rig } from './rig.ts'

const at = Date.parse('2026-05-01T00:00:00Z')
const date = (seconds: number): string => new Date(at + seconds * 1000).toUTCString()

/** What a 429 says about the time to wait, and the milliseconds that it means; null where it means none. */
const pauses: readonly (readonly [Record<string, string>, string | null])[] = [
  [{ 'retry-after': '2' }, '2000'],
  [{ 'retry-after': '1.5' }, '1500'],
  [{ 'retry-after': '0' }, null],
  [{ 'retry-after': '-1' }, null],
  [{ 'retry-after': '999999' }, null],
  [{ 'retry-after': 'soon' }, null],
  [{}, null],
  [{ 'retry-after-ms': '250', 'retry-after': '9' }, '250'],
  [{ 'x-ms-retry-after-ms': '1250' }, '1250'],
  [{ 'retry-after': date(30), date: date(0) }, '30000'],
  [{ 'retry-after': date(-30), date: date(0) }, null],
  // An upstream an hour ahead means its own clock.
  [{ 'retry-after': date(3605), date: date(3600) }, '5000'],
]

let rig: Rig
before(async () => {
  // What is told to wait is not asked again so long: each case of U33 has a quota of its own.
  const keys = pauses.map((_, index) => ({
    name: `quota-${index}`,
    value: `${canaryKey}-${index}`,
    models: [`u33-${index}`],
  }))
  rig = await openRig({ providers: { limited: { keys } } })
})
after(() => rig.close())

const sent = (model: string): number =>
  rig.upstream.requests.filter((request) => request.model === model).length

describe('what a provider refuses', { concurrency: 8 }, () => {
  test('U36: 401, 402 and 403 are 502 upstream_auth_failed without the words of the provider', async () => {
    for (const status of [401, 402, 403])
      for (const stream of [false, true]) {
        const words = `Incorrect API key provided: ${canaryKey}. SECRET-WORDS`
        rig.upstream.on('u36', script.json(status, openaiError(words, { code: 'invalid_api_key' })))
        const response = await rig.call('up/u36', { stream })
        assertError(response, 502, {
          code: 'upstream_auth_failed',
          type: 'upstream_error',
          message: `Provider "up", key "main": the provider refused the gateway's credential (${status})`,
          shouldRetry: 'false',
        })
        assert.ok(!response.text.includes('SECRET-WORDS'))
      }
    assert.equal(sent('u36'), 6)
  })

  test('U36: a bad key told by a 400 is ours all the same', async () => {
    const words = `API key not valid, invalid API key ${canaryKey}`
    rig.upstream.on('u36-400', script.json(400, openaiError(words)))
    const response = await rig.call('up/u36-400')
    assertError(response, 502, { code: 'upstream_auth_failed' })
  })

  test('U37 U38: a 4xx of the caller keeps status, message, type, param and code, and is sent once', async () => {
    const cases = [
      [
        400,
        'This model has 8192 tokens of context',
        'invalid_request_error',
        'messages',
        'context_length_exceeded',
      ],
      [400, 'The response was filtered', null, 'prompt', 'content_filter'],
      [404, 'The model `x` does not exist', 'invalid_request_error', null, 'model_not_found'],
      [409, 'Try that again', 'conflict_error', null, 'conflict'],
      [413, 'That is too much', 'invalid_request_error', null, 'string_above_max_length'],
      [422, 'Input should be a number', 'invalid_request_error', 'temperature', null],
      [418, 'I am a teapot', 'teapot_error', null, 'teapot'],
    ] as const
    for (const [status, message, type, param, code] of cases)
      for (const stream of [false, true]) {
        const model = `u38-${status}-${param}`
        const before = sent(model)
        rig.upstream.on(model, script.json(status, { error: { message, type, param, code } }))
        const response = await rig.call(`up/${model}`, { stream })
        assertError(response, status, {
          message,
          type: type ?? 'invalid_request_error',
          param,
          code: code ?? 'upstream_rejected',
          shouldRetry: 'false',
        })
        assert.equal(response.headers['x-sluice-attempts'], '1')
        assert.equal((response.json() as { is_bifrost_error: boolean }).is_bifrost_error, false)
        assert.equal(sent(model), before + 1)
      }
  })

  test('U38: a 4xx without words is still an envelope with its status', async () => {
    for (const [model, body] of [
      ['empty', ''],
      ['html', '<html>SECRET-PAGE</html>'],
      ['null', 'null'],
    ]) {
      rig.upstream.on(`u38-${model}`, script.reply(404, body as string))
      const response = await rig.call(`up/u38-${model}`)
      assertError(response, 404, {
        code: 'upstream_rejected',
        message: 'Provider "up": the provider answered 404',
      })
    }
  })

  test('a 5xx keeps its status if it is 500, 502, 503 or 504, any other becomes 502', async () => {
    for (const [status, seen] of [
      [500, 500],
      [501, 502],
      [502, 502],
      [503, 503],
      [504, 504],
      [520, 502],
      [529, 502],
      [599, 502],
    ] as const) {
      rig.upstream.on(
        `5xx-${status}`,
        script.json(status, openaiError(`broken ${status}`, { type: 'server_error' })),
      )
      const response = await rig.call(`up/5xx-${status}`)
      assertError(response, seen, {
        code: 'upstream_error',
        type: 'upstream_error',
        message: `broken ${status}`,
      })
    }
  })

  test('a message of a megabyte is cut to 2 KiB at a character, and a whole one stays whole', async () => {
    const long = '🙂'.repeat(300_000)
    rig.upstream.on('long', script.json(400, openaiError(long)))
    rig.upstream.on('kept', script.json(400, openaiError('🙂'.repeat(500))))
    assertError(await rig.call('up/kept'), 400, {
      code: 'upstream_rejected',
      message: '🙂'.repeat(500),
    })
    const response = await rig.call('up/long')
    assertError(response, 400, { code: 'upstream_rejected' })
    const { message } = (response.json() as { error: { message: string } }).error
    // Past 64 KiB nothing is read, so such a body is no JSON any more.
    assert.equal(message, 'Provider "up": the provider answered 400')
    rig.upstream.on('cut', script.json(400, openaiError('🙂'.repeat(10_000))))
    const cut = await rig.call('up/cut')
    assertError(cut, 400, { code: 'upstream_rejected', message: /^🙂{400,511}…$/u })
  })

  test('no message gives away a key, a secret header or the address, in a reply or in a stream', async () => {
    const { port } = rig.upstream
    const words = `key ${canaryKey} header ${canaryHeader} at http://127.0.0.1:${port}/v1/chat/completions (127.0.0.1:${port})`
    const error = openaiError(words, { type: 'server_error' })
    rig.upstream.on('canary-400', script.json(400, error))
    rig.upstream.on('canary-500', script.json(500, error))
    rig.upstream.on('canary-200', script.json(200, error))
    rig.upstream.on('canary-sse', script.sse([error]))
    for (const [model, status] of [
      ['canary-400', 400],
      ['canary-500', 500],
      ['canary-200', 502],
      ['canary-sse', 502],
    ] as const)
      for (const stream of [false, true]) {
        const response = await rig.call(`up/${model}`, { stream })
        assert.equal(response.status, status, response.text)
        assert.match(response.text, /key \[key\] header \[key\] at \[provider\]/)
      }
    rig.upstream.on('canary-late', script.sse([role, text('a'), error]))
    const late = await rig.stream('up/canary-late')
    assertErrorFrame(late, {
      code: 'upstream_error',
      message: /key \[key\] header \[key\] at \[provider\]/,
    })
  })

  test('U33 U50: a 429 tells how long to wait, and what is no time is left out', async () => {
    for (const [index, [headers, waitMs]] of pauses.entries()) {
      rig.upstream.on(`u33-${index}`, script.json(429, openaiError('Rate limit reached'), headers))
      const response = await rig.call(`limited/u33-${index}`)
      assertError(response, 429, {
        code: 'upstream_rate_limited',
        type: 'requests',
        message: 'Rate limit reached',
        shouldRetry: 'true',
      })
      assert.equal(response.headers['retry-after-ms'] ?? null, waitMs, JSON.stringify(headers))
      const seconds = String(Math.max(1, Math.ceil(Number(waitMs ?? 1000) / 1000)))
      assert.equal(response.headers['retry-after'], seconds)
    }
  })

  test('a 503 of the provider says that only waiting helps, and for how long', async () => {
    for (const [headers, seconds] of [
      [{}, '1'],
      [{ 'retry-after': '7' }, '7'],
    ] as const) {
      rig.upstream.on('busy', script.json(503, openaiError('Busy'), headers))
      const response = await rig.call('up/busy')
      assertError(response, 503, { code: 'upstream_error', shouldRetry: 'true' })
      assert.equal(response.headers['retry-after'], seconds)
    }
  })

  test('a key that the provider quotes is concealed wherever it stands, also where words are cut', async () => {
    const quoting: readonly object[] = [
      { type: canaryKey },
      { code: canaryKey },
      { param: `headers.${canaryHeader}` },
      { type: `${'t'.repeat(110)}${canaryKey}${'t'.repeat(200)}` },
      { code: `${'c'.repeat(110)}${canaryKey}${'c'.repeat(200)}` },
      { message: `${'m'.repeat(2030)}${canaryKey}${'m'.repeat(200)}` },
      { message: `${'m'.repeat(2048 - canaryKey.length)}${canaryHeader}` },
    ]
    for (const error of quoting)
      for (const stream of [false, true]) {
        rig.upstream.on('quoting', script.json(422, { error: { message: 'No.', ...error } }))
        const response = await rig.call('up/quoting', { stream })
        assert.equal(response.status, 422)
        // Also a part of it is too much.
        assert.ok(!response.text.includes(canaryKey.slice(0, 8)), response.text.slice(0, 300))
        assert.ok(!response.text.includes(canaryHeader.slice(0, 6)), response.text.slice(0, 300))
      }
  })

  test("the provider's own limits reach the caller under names of ours, its other headers do not", async () => {
    rig.upstream.on(
      'limits',
      script.json(429, openaiError('slow'), {
        'x-ratelimit-remaining-tokens': '0',
        'x-internal': 'SECRET',
      }),
    )
    rig.upstream.on(
      'limits-200',
      script.json(200, completion('a'), { 'x-ratelimit-remaining-tokens': '5' }),
    )
    const good = await rig.call('up/limits-200')
    assert.equal(good.headers['x-sluice-upstream-ratelimit-remaining-tokens'], '5')
    const refused = await rig.call('up/limits')
    assert.equal(refused.headers['x-internal'], undefined)
    assert.equal(refused.headers['x-ratelimit-remaining-tokens'], undefined)
  })

  test('U39: a refusal that comes before the upload is through wins over the reset that follows', async () => {
    const answered = Promise.withResolvers<void>()
    rig.upstream.on(
      'u39',
      [
        script.stopReading(),
        script.json(413, openaiError('That is too large', { code: 'too_large' })),
        script.until(answered.promise),
        script.rst(),
      ],
      { afterBodyBytes: 64 * 1024 },
    )
    const response = await rig.call('up/u39', { user: 'x'.repeat(10 * 1024 * 1024) })
    answered.resolve()
    assertError(response, 413, { code: 'too_large', message: 'That is too large' })
    assert.equal((await rig.call('up/after-u39')).status, 200)
  })

  test('U39: a connection whose upload was never taken is not used again', async () => {
    rig.upstream.on(
      'u39-open',
      [script.stopReading(), script.json(400, openaiError('No', { code: 'no' })), script.stall()],
      { afterBodyBytes: 64 * 1024 },
    )
    const response = await rig.call('up/u39-open', { user: 'x'.repeat(10 * 1024 * 1024) })
    assertError(response, 400, { code: 'no' })
    for (let i = 0; i < 4; i++) assert.equal((await rig.call('up/after-open')).status, 200)
    const request = rig.upstream.requests.find(({ model }) => model === 'u39-open')
    const later = rig.upstream.requests.filter(({ model }) => model === 'after-open')
    assert.ok(later.every(({ connection }) => connection !== request?.connection))
  })

  test('a 400 that names stream_options is repeated once without it, and remembered', async () => {
    let withOptions = 0
    for (const [model, field] of [
      ['options', false],
      ['options-asked', true],
    ] as const) {
      rig.upstream.on(model, (request) => {
        if (request.field('stream_options') === undefined)
          return script.sse([role, text('fine'), finish()])
        withOptions++
        return script.json(
          400,
          openaiError('Unrecognized request argument supplied: stream_options'),
        )
      })
      const fields = field ? { stream_options: { include_usage: true } } : {}
      const first = await rig.stream(`up/${model}`, fields)
      assertWholeStream(first)
      assert.equal(first.headers['x-sluice-attempts'], '2')
      const second = await rig.stream(`up/${model}`, fields)
      assertWholeStream(second)
      assert.equal(second.headers['x-sluice-attempts'], '1')
    }
    assert.equal(withOptions, 2, 'each model is asked once')
    assert.equal(sent('options'), 3)
  })

  test('a 400 that names stream_options again, or names something else, is the answer', async () => {
    rig.upstream.on(
      'options-always',
      script.json(400, openaiError('stream_options is unknown', { param: 'stream_options' })),
    )
    assertError(await rig.stream('up/options-always'), 400, {
      code: 'upstream_rejected',
      param: 'stream_options',
    })
    assert.equal(sent('options-always'), 2)
    rig.upstream.on('options-other', script.json(400, openaiError('temperature is unknown')))
    assertError(await rig.stream('up/options-other'), 400, { code: 'upstream_rejected' })
    assert.equal(sent('options-other'), 1)
    for (const stream_options of [
      { include_obfuscation: false },
      { include_usage: true, include_obfuscation: false },
    ]) {
      rig.upstream.on('options-more', script.json(400, openaiError('stream_options is unknown')))
      const response = await rig.stream('up/options-more', { stream_options })
      assertError(response, 400, { code: 'upstream_rejected' })
    }
    assert.equal(sent('options-more'), 2)
    rig.upstream.on('options-plain', script.json(400, openaiError('stream_options needs stream')))
    assertError(await rig.call('up/options-plain'), 400, { code: 'upstream_rejected' })
    assert.equal(sent('options-plain'), 1)
  })

  test('S16: usage is asked for where the caller did not, metered, and kept from the caller', async () => {
    rig.upstream.on('s16', (request) => {
      assert.deepEqual(request.field('stream_options'), { include_usage: true })
      return script.sse([role, text('a'), finish(), usageChunk(7, 1)])
    })
    for (const [options, shown] of [
      [undefined, false],
      [{ include_usage: false }, false],
      [{ include_usage: true }, true],
    ] as const) {
      using client = await rig.open('up/s16', {
        stream: true,
        ...(options && { stream_options: options }),
      })
      const response = await client.response()
      rig.note(response)
      const events = assertWholeStream(response)
      assert.equal(
        events.some((each) => each.includes('"usage"')),
        shown,
      )
      const record = await rig.record(client.label)
      assert.equal(record['input_tokens'], 7)
      assert.equal(record['output_tokens'], 1)
      assert.equal(record['estimated'], undefined)
    }
  })
})
