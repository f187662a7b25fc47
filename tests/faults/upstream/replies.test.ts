import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { closedPort, startUpstream } from '../../support/upstream.ts'
import * as script from '../../support/upstream-script.ts'
import { completion } from './chunks.ts'
import { assertError } from './expect.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig
before(async () => {
  rig = await openRig({
    server: { max_reply: '1MiB' },
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

  test('U48: prototypes, huge numbers, repeated ids and deep logprobs are data and stay as they are', async () => {
    const logprobs = `{"content":[${'{"token":"a","logprob":-1e400,"top_logprobs":[]},'.repeat(5000)}{}]}`
    const odd = `{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":1}},"id":"a","id":"b","n":1e400,"big":9007199254740993,"choices":[{"index":0,"message":{"role":"assistant","content":"x"},"logprobs":${logprobs},"finish_reason":"stop"}]}`
    rig.upstream.on('u48', script.reply(200, odd))
    assert.equal((await rig.call('up/u48')).text, odd)
  })

  test('U49: an id that the provider repeats is not ours', async () => {
    rig.upstream.on('u49', script.json(200, { ...good, id: '' }))
    const labels: (string | undefined)[] = []
    for (let i = 0; i < 3; i++) {
      const response = await rig.call('up/u49')
      assert.equal(response.status, 200)
      labels.push(response.headers['x-sluice-call-id'])
    }
    assert.equal(new Set(labels).size, 3)
    assert.ok(labels.every((label) => label && /^[0-9a-f-]{36}$/.test(label)))
  })

  test('a reply over max_reply is 502 and is not read to its end', async () => {
    rig.upstream.on('huge', [
      script.head(200, { 'transfer-encoding': 'chunked' }),
      script.chunk('{"choices":[],"x":"'),
      script.forever(script.chunk('x'.repeat(16 * 1024)), { maxBytes: 256 * 1024 * 1024 }),
    ])
    for (const stream of [false, true]) {
      const response = await rig.call('up/huge', { stream })
      assertError(response, 502, { ...invalid, message: /over 1048576 bytes/ })
      const request = await rig.upstream.next(({ model }) => model === 'huge')
      await request.closed
      assert.ok(request.bytesSent < 32 * 1024 * 1024, `${request.bytesSent} bytes were read`)
    }
  })

  test('U40: one known encoding is decoded, chains and unknown ones are refused', async () => {
    for (const encoding of ['gzip', 'deflate', 'br', 'zstd'] as const) {
      rig.upstream.on('u40', script.encoded(200, JSON.stringify(good), [encoding]))
      const response = await rig.call('up/u40')
      assert.deepEqual(response.json(), good, encoding)
      assert.equal(response.headers['content-encoding'], undefined)
    }
    const [last] = rig.upstream.requests.filter(({ model }) => model === 'u40')
    assert.equal(last?.headers['accept-encoding'], 'identity')
    const body = JSON.stringify(good)
    const refused = {
      double: script.encoded(200, body, ['gzip', 'br']),
      chain: script.reply(200, body, { 'content-encoding': Array(1000).fill('gzip').join(',') }),
      unknown: script.reply(200, body, { 'content-encoding': 'compress' }),
      proto: script.reply(200, body, { 'content-encoding': '__proto__' }),
      lie: script.reply(200, body, { 'content-encoding': 'gzip' }),
    }
    for (const [name, steps] of Object.entries(refused)) {
      rig.upstream.on(`u40-${name}`, steps)
      for (const stream of [false, true])
        assertError(await rig.call(`up/u40-${name}`, { stream }), 502, invalid)
    }
  })

  test('U40: a bomb ends at max_reply, a cut gzip is an error', async () => {
    const bomb = `{"choices":[],"x":"${'0'.repeat(64 * 1024 * 1024)}"}`
    rig.upstream.on('u40-bomb', script.encoded(200, bomb, ['gzip']))
    rig.upstream.on('u40-zbomb', script.encoded(200, bomb, ['zstd']))
    for (const model of ['u40-bomb', 'u40-zbomb'])
      assertError(await rig.call(`up/${model}`), 502, { ...invalid, message: /over 1048576 bytes/ })
    const whole = script.encoded(200, JSON.stringify(good), ['gzip'])
    const bytes = whole.kind === 'write' ? whole.bytes : Buffer.alloc(0)
    const body = bytes.subarray(bytes.indexOf('\r\n\r\n') + 4)
    rig.upstream.on(
      'u40-cut',
      script.reply(200, body.subarray(0, -12), { 'content-encoding': 'gzip' }),
    )
    assertError(await rig.call('up/u40-cut'), 502, invalid)
  })

  test('an encoded error keeps its status and words', async () => {
    const body = JSON.stringify({ error: { message: 'too long', type: 'invalid_request_error' } })
    rig.upstream.on('encoded-error', script.encoded(400, body, ['gzip']))
    assertError(await rig.call('up/encoded-error'), 400, {
      code: 'upstream_rejected',
      message: 'too long',
    })
  })

  test('U41: a redirect is never followed and its target never told', async () => {
    await using other = await startUpstream()
    const targets = [
      `${other.url}/steal`,
      '//169.254.169.254/latest',
      'file:///etc/passwd',
      '/v1/chat/completions',
    ]
    for (const status of [300, 301, 302, 303, 304, 307, 308])
      for (const target of targets) {
        rig.upstream.on('u41', script.redirect(status, target))
        const response = await rig.call('up/u41', { stream: status % 2 === 0 })
        assertError(response, 502, { code: 'upstream_redirect' })
        assert.equal(response.headers['location'], undefined)
        assert.ok(!response.text.includes(target))
      }
    assert.equal(other.connections.total, 0)
    assert.equal(rig.upstream.requests.filter(({ model }) => model === 'u41').length, 28)
  })

  test('U47: headers of a hostile upstream are bounded and do not pass', async () => {
    const tooMuch = {
      'u47-big': script.reply(200, JSON.stringify(good), [script.bigHeader(70 * 1024)]),
      'u47-many': script.reply(200, JSON.stringify(good), script.manyHeaders(10_000)),
    }
    for (const [model, steps] of Object.entries(tooMuch)) {
      rig.upstream.on(model, steps)
      assertError(await rig.call(`up/${model}`), 502, invalid)
    }
    rig.upstream.on('u47', [
      script.raw(
        [
          'HTTP/1.1 200 A \tstrange <b>reason</b>',
          'content-type: text/html',
          'set-cookie: a=b',
          'x-request-id: spoofed',
          'x-sluice-call-id: spoofed',
          'x-bf-async-id: spoofed',
          'access-control-allow-origin: *',
          'strict-transport-security: max-age=1',
          'keep-alive: timeout=50',
          'x-ratelimit-remaining-requests: 7',
          'X-RateLimit-Odd: caf\xe9 \x7f'.replace('\x7f', ''),
          'retry-after: 5',
          'server: upstream',
          `content-length: ${Buffer.byteLength(JSON.stringify(good))}`,
          '',
          JSON.stringify(good),
        ].join('\r\n'),
      ),
    ])
    const response = await rig.call('up/u47')
    assert.equal(response.status, 200)
    assert.equal(response.reason, 'OK')
    assert.equal(response.headers['content-type'], 'application/json')
    assert.equal(response.headers['x-sluice-upstream-ratelimit-remaining-requests'], '7')
    const flat = response.rawHeaders.flat().join('\n').toLowerCase()
    for (const never of [
      'spoofed',
      'set-cookie',
      'access-control',
      'strict-transport',
      'a=b',
      'server: upstream',
    ])
      assert.ok(!flat.includes(never), never)
  })

  test('U47: a line end in the reason phrase or a header is an invalid answer', async () => {
    const json = JSON.stringify(good)
    const odd = {
      'u47-nul': script.head(200, { 'x-odd': 'a\0b', 'content-length': String(json.length) }),
      'u47-space': script.raw(
        `HTTP/1.1 200 OK\r\nx odd: 1\r\ncontent-length: ${json.length}\r\n\r\n`,
      ),
      'u47-lf': script.raw(`HTTP/1.1 200 OK\nx: 1\ncontent-length: ${json.length}\n\n`),
      'u47-both': script.head(200, { 'transfer-encoding': 'chunked', 'content-length': '5' }),
      'u47-twice': script.head(200, [
        ['content-length', '5'],
        ['content-length', '6'],
      ]),
      'u47-junk': script.raw('SSH-2.0-OpenSSH_9.6\r\n\r\n'),
    }
    for (const [model, top] of Object.entries(odd)) {
      rig.upstream.on(model, [top, script.raw(json)])
      const response = await rig.call(`up/${model}`)
      assertError(response, 502, { ...invalid, message: /not valid HTTP/ })
    }
  })
})
