import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startUpstream } from '../../support/upstream.ts'
import * as script from '../../support/upstream-script.ts'
import { completion } from './chunks.ts'
import { assertError } from './expect.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig
before(async () => {
  rig = await openRig({ server: { max_reply: '1MiB' } })
})
after(() => rig.close())

const good = completion('fine')
const invalid = { code: 'upstream_invalid_response', type: 'upstream_error' } as const

describe('hostile replies', { concurrency: 8 }, () => {
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
