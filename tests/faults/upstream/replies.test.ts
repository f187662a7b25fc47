import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { closedPort } from '../../support/upstream.ts'
import * as script from '../../support/upstream-script.ts'
import { completion } from './chunks.ts'
import { assertError } from './expect.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig
before(async () => {
  rig = await openRig({
    providers: {
      nobody: { base_url: `http://127.0.0.1:${await closedPort()}/v1` },
      'first-byte': { timeouts: { first_byte: '250ms' } },
      'first-token': { timeouts: { first_token: '250ms' } },
      total: { timeouts: { total: '300ms' } },
    },
  })
})
after(() => rig.close())

const good = completion('fine')
const invalid = { code: 'upstream_invalid_response', type: 'upstream_error' } as const

describe('plain replies', { concurrency: 8 }, () => {
  test('U04: a refused connection is 502 upstream_unreachable, and nothing was sent', async () => {
    for (const stream of [false, true]) {
      const response = await rig.call('nobody/u04', { stream })
      assertError(response, 502, {
        code: 'upstream_unreachable',
        type: 'upstream_error',
        message: /^Provider "nobody": .*refused/,
        shouldRetry: null,
      })
    }
  })

  test('U07: an upstream that never answers is 504 at the limit, and its connection is closed', async () => {
    rig.upstream.on('u07', script.stall())
    const response = await rig.call('first-byte/u07')
    assertError(response, 504, {
      code: 'upstream_timeout',
      message: /^Provider "first-byte": .*250 ms/,
      shouldRetry: 'false',
    })
    const request = await rig.upstream.next(({ model }) => model === 'u07')
    assert.notEqual((await request.closed).how, 'stopped')
  })

  test('U07: heads of kind 1xx are no answer', async () => {
    rig.upstream.on('u07-1xx', [script.informational(3), script.stall()])
    const response = await rig.call('first-byte/u07-1xx')
    assertError(response, 504, { code: 'upstream_timeout', message: /did not begin to answer/ })
  })

  test('U08: headers and then nothing is 504 at the limit of the first token', async () => {
    rig.upstream.on('u08', [
      script.head(200, { 'content-type': 'application/json', 'content-length': '100' }),
      script.stall(),
    ])
    const response = await rig.call('first-token/u08')
    assertError(response, 504, { code: 'upstream_timeout', shouldRetry: 'false' })
  })

  test('U42: a reply that drips is 504 at the total limit', async () => {
    rig.upstream.on('u42', [
      script.head(200, { 'content-length': '100000' }),
      script.raw('{'),
      script.drip(' '.repeat(10_000), 20),
    ])
    const response = await rig.call('total/u42')
    assertError(response, 504, {
      code: 'upstream_timeout',
      message: /not done within 300 ms/,
      shouldRetry: 'false',
    })
    const request = await rig.upstream.next(({ model }) => model === 'u42')
    assert.notEqual((await request.closed).how, 'done')
  })

  test('U11 U13: a reply cut at any byte, by FIN or RST, is never a success', async () => {
    const whole = script.json(200, good)
    const bytes = whole.kind === 'write' ? whole.bytes : Buffer.alloc(0)
    const cuts = [1, 9, 16, ...Array.from({ length: 40 }, (_, i) => 20 + i * 10)]
    cuts.push(bytes.length - 2, bytes.length - 1)
    for (const how of ['fin', 'rst'] as const)
      for (const at of cuts.filter((at) => at < bytes.length)) {
        const end = how === 'fin' ? script.fin() : script.rst()
        rig.upstream.on(`u11-${how}`, [script.raw(bytes.subarray(0, at)), end])
        const response = await rig.call(`up/u11-${how}`)
        assert.equal(response.status, 502, `${how} at ${at}: ${response.text}`)
        const { error } = response.json() as { error: { code: string } }
        assert.match(error.code, /^upstream_(unreachable|invalid_response)$/)
        assert.equal(response.headers['x-should-retry'], 'false')
      }
  })

  test('U13: a body shorter or longer than its content-length is an error', async () => {
    const json = JSON.stringify(good)
    const lies = {
      'u13-long': [script.json(200, good, {}, { contentLength: json.length + 50 }), script.fin()],
      'u13-short': [script.json(200, good, {}, { contentLength: json.length - 50 })],
      'u13-chunk': [
        script.head(200, { 'transfer-encoding': 'chunked', connection: 'close' }),
        script.raw(`${(json.length + 9).toString(16)}\r\n${json}`),
        script.fin(),
      ],
      'u13-early': script.chunked([json.slice(0, -20)]),
      'u13-eof': [
        script.head(200, { connection: 'close' }),
        script.raw(json.slice(0, -20)),
        script.fin(),
      ],
      'u13-eof-rst': [
        script.head(200, { connection: 'close' }),
        script.raw(json.slice(0, -20)),
        script.rst(),
      ],
    }
    for (const [model, steps] of Object.entries(lies)) {
      rig.upstream.on(model, steps)
      assertError(await rig.call(`up/${model}`), 502, { ...invalid, shouldRetry: 'false' })
    }
  })

  test('U14 U18: a 200 that is no completion is 502, and its body goes nowhere', async () => {
    const bodies = {
      truncated: JSON.stringify(good).slice(0, -30),
      html: '<!doctype html><html><body>Please log in: SECRET-PAGE</body></html>',
      text: 'SECRET-PAGE',
      empty: '',
      null: 'null',
      array: '[]',
      number: '12',
      'no choices': '{"object":"SECRET-PAGE"}',
      'choices not a list': '{"choices":"SECRET-PAGE"}',
      trailing: `${JSON.stringify(good)} SECRET-PAGE`,
      latin1: Buffer.from('{"choices":[],"x":"\xe9"}', 'latin1'),
    }
    for (const [name, body] of Object.entries(bodies))
      for (const type of ['application/json', 'text/html']) {
        rig.upstream.on('u14', script.reply(200, body, { 'content-type': type }))
        for (const stream of [false, true]) {
          const response = await rig.call('up/u14', { stream })
          assert.equal(response.status, 502, `${name} ${stream}: ${response.text}`)
          assert.ok(!response.text.includes('SECRET-PAGE'))
          const { code } = (response.json() as { error: { code: string } }).error
          if (stream) assert.match(code, /^upstream_(invalid_response|stream_truncated)$/)
          else assert.equal(code, 'upstream_invalid_response', name)
        }
      }
    assert.ok(!rig.gateway.stderr().includes('SECRET-PAGE'))
  })

  test('U15: a 200 with an error in it is the error it tells of', async () => {
    const cases = [
      [
        { error: { message: 'slow down', type: 'rate_limit_error', code: '429' } },
        429,
        'upstream_rate_limited',
      ],
      [
        {
          error: {
            message: 'too long',
            type: 'invalid_request_error',
            code: 'context_length_exceeded',
            param: 'messages',
          },
        },
        400,
        'context_length_exceeded',
      ],
      [
        { error: { message: 'no such key', type: 'authentication_error', code: 401 } },
        502,
        'upstream_auth_failed',
      ],
      [{ error: { message: 'oops', code: 503 } }, 503, 'upstream_error'],
      [{ error: 'oops' }, 502, 'upstream_error'],
      [{ error: {} }, 502, 'upstream_error'],
    ] as const
    for (const [body, status, code] of cases)
      for (const stream of [false, true]) {
        rig.upstream.on('u15', script.json(200, body))
        const response = await rig.call('up/u15', { stream })
        assertError(response, status, { code })
        if (status === 502 && code === 'upstream_auth_failed')
          assert.ok(!response.text.includes('no such key'))
      }
  })

  test('U19: an error with HTML, without a body or with an endless one is an envelope', async () => {
    rig.upstream.on('u19-html', script.reply(503, '<html>SECRET-PAGE</html>'))
    rig.upstream.on('u19-empty', script.reply(500, ''))
    rig.upstream.on('u19-big', script.reply(504, 'x'.repeat(1024 * 1024)))
    const statuses = { 'u19-html': 503, 'u19-empty': 500, 'u19-big': 504 }
    for (const [model, status] of Object.entries(statuses)) {
      const response = await rig.call(`up/${model}`)
      assertError(response, status, {
        code: 'upstream_error',
        message: `Provider "up": the provider answered ${status}`,
      })
    }
    rig.upstream.on('u19-endless', [
      script.head(500, { 'transfer-encoding': 'chunked' }),
      script.forever(script.chunk('x'.repeat(16 * 1024)), { maxBytes: 256 * 1024 * 1024 }),
    ])
    assertError(await rig.call('up/u19-endless'), 500, { code: 'upstream_error' })
    const request = await rig.upstream.next(({ model }) => model === 'u19-endless')
    await request.closed
    assert.ok(request.bytesSent < 16 * 1024 * 1024, `${request.bytesSent} bytes were read`)
  })

  test('U20: the bytes decide, whatever the content type says', async () => {
    const types = ['text/plain', 'text/event-stream', 'application/octet-stream', '']
    for (const type of types) {
      rig.upstream.on(
        'u20',
        script.reply(200, JSON.stringify(good), type ? { 'content-type': type } : {}),
      )
      const response = await rig.call('up/u20')
      assert.equal(response.status, 200)
      assert.equal(response.headers['content-type'], 'application/json')
      assert.deepEqual(response.json(), good)
    }
  })

  test('a good reply is byte for byte the one of the provider', async () => {
    const odd =
      '{ "id":"é\\u00e9😀", "choices":[{"index":0,"message":{"role":"assistant","content":"\\ud800"}}],\n "big":12345678901234567890.10, "usage":null }'
    rig.upstream.on('bytes', script.reply(200, odd))
    assert.equal((await rig.call('up/bytes')).text, odd)
  })
})
