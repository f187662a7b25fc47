import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type RawResponse, rawConnect } from '../../support/raw-client.ts'
import {
  assertRefused,
  callerKey,
  chatBytes,
  chatPath,
  eventually,
  hello,
  startRig,
} from './client-rig.ts'

const rig = await startRig()
after(() => rig.end())

const body = JSON.stringify({ model: 'openai/smuggled', messages: hello })

/** A chat request of which every line is given; lines end as in `lineEnd`. */
const request = (lines: readonly string[], payload = body, lineEnd = '\r\n'): string =>
  [
    `POST ${chatPath} HTTP/1.1`,
    'host: 127.0.0.1',
    `authorization: Bearer ${callerKey}`,
    ...lines,
    '',
    payload,
  ].join(lineEnd)

/** Sends bytes and waits for the refusal and for the end of the connection. */
async function refusedConnection(bytes: string | Uint8Array): Promise<RawResponse> {
  using client = await rawConnect(rig.port)
  client.write(bytes).catch(() => undefined)
  const answer = await client.response()
  assert.equal(answer.headers['connection'], 'close')
  await client.closed
  return answer
}

test('C08 a header named after an object property is a header like any other', async () => {
  for (const name of [
    '__proto__',
    'constructor',
    'hasOwnProperty',
    'x-bf-dim-__proto__',
    'x-bf-eh-__proto__',
  ]) {
    const answer = await rig.ask(
      { model: 'openai/plain' },
      { [name]: 'polluted', 'x-request-id': `c08-${name}` },
    )
    assert.equal(answer.status, 200, name)
    assert.equal(rig.seen('plain').at(-1)?.headers['polluted'], undefined)
    assert.equal((await rig.record(`c08-${name}`))['polluted'], undefined)
  }
})

test('C22 requests that come in one segment are answered one by one in their order', async () => {
  const names = Array.from({ length: 10 }, (_, index) => `piped-${index}`)
  const all = names.map((name) =>
    chatBytes({ model: `openai/${name}`, stream: name.endsWith('3') }),
  )
  using client = await rawConnect(rig.port)
  await client.write(Buffer.concat(all))
  for (const name of names) {
    const answer = await client.response()
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['x-sluice-model'], name)
    assert.ok(answer.text.includes(`"model":"${name}"`))
  }
  assert.equal(
    names.every((name) => rig.seen(name).length === 1),
    true,
  )
})

test('C22 requests behind one that is refused are answered too, each by itself', async () => {
  using client = await rawConnect(rig.port)
  const bad = chatBytes('{"model":')
  await client.write(Buffer.concat([bad, chatBytes({ model: 'openai/behind' }), bad]))
  assertRefused(await client.response(), 400, 'invalid_json')
  assert.equal((await client.response()).status, 200)
  assertRefused(await client.response(), 400, 'invalid_json')
})

test('C23 ambiguous framing is refused, the connection ends, and nothing reaches a provider', async () => {
  const length = `content-length: ${body.length}`
  const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
  const bad: Readonly<Record<string, string>> = {
    'length and chunks': request([length, 'transfer-encoding: chunked'], chunked),
    'chunks and length': request(['transfer-encoding: chunked', length], chunked),
    'two lengths': request([length, 'content-length: 5']),
    'one length twice': request([length, length]),
    'a list of lengths': request([`content-length: ${body.length}, ${body.length}`]),
    'a signed length': request([`content-length: +${body.length}`]),
    'a negative length': request(['content-length: -5']),
    'a hexadecimal length': request(['content-length: 0x5']),
    'a length with a fraction': request([`content-length: ${body.length}.0`]),
    'a length beyond numbers': request([`content-length: ${'9'.repeat(30)}`]),
    'chunked before identity': request(['transfer-encoding: chunked, identity'], chunked),
    'chunked twice': request(['transfer-encoding: chunked, chunked'], chunked),
    'not quite chunked': request(['transfer-encoding: xchunked'], chunked),
    'chunked in quotes': request(['transfer-encoding: "chunked"'], chunked),
    'another encoding last': request(
      ['transfer-encoding: chunked', 'transfer-encoding: gzip'],
      chunked,
    ),
    'a space before the colon': request([`content-length : ${body.length}`]),
    'a folded header': request(['x-folded: a', ' b', length]),
    'a header without a colon': request(['x-nothing', length]),
    'a header without a name': request([': value', length]),
    'a name with a space': request(['x y: z', length]),
    'a NUL in a value': request(['x-nul: a\u0000b', length]),
    'a bare return in a value': request(['x-return: a\rb: c', length]),
    'bare line feeds': request([length], body, '\n'),
    'a bare line feed in between': request(['x-a: b\nx-c: d', length]),
    'a method in lower case': request([length]).replace('POST', 'post'),
    'a version that does not exist': request([length]).replace('HTTP/1.1', 'HTTP/1.9'),
    'no HTTP version': request([length]).replace('HTTP/1.1', 'HTTP'),
    'a space in the address': request([length]).replace(chatPath, `${chatPath} x`),
    'another protocol': 'SSH-2.0-client\r\n\r\n',
    'a TLS handshake': '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
    'the HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  }
  for (const [what, bytes] of Object.entries(bad)) {
    const answer = await refusedConnection(Buffer.from(bytes, 'latin1'))
    assert.equal(answer.status, 400, `${what}: ${answer.text}`)
    assertRefused(answer, 400, 'invalid_request')
  }
  assert.equal(rig.seen('smuggled').length, 0)
})

test('C23 a second request hidden in a body stays a body', async () => {
  const hidden = request([`content-length: ${body.length}`])
  const carrier = JSON.stringify({
    model: 'openai/carrier',
    messages: [{ role: 'user', content: hidden }],
  })
  using client = await rawConnect(rig.port)
  await client.write(request([`content-length: ${carrier.length}`], carrier))
  assert.equal((await client.response()).headers['x-sluice-model'], 'carrier')
  await client.write(chatBytes({ model: 'openai/next' }))
  assert.equal((await client.response()).headers['x-sluice-model'], 'next')
  assert.equal(rig.upstream.requests.filter(({ model }) => model === 'smuggled').length, 0)
})

test('C23 what is no request is refused with an answer on a connection that served others before', async () => {
  for (const bytes of [
    'nonsense\r\n\r\n',
    `GET /livez HTTP/1.1\r\nx-big: ${'b'.repeat(20_000)}\r\n\r\n`,
  ]) {
    using client = await rawConnect(rig.port)
    await client.write(chatBytes({ model: 'openai/before' }))
    assert.equal((await client.response()).status, 200)
    client.write(bytes).catch(() => undefined)
    const { status } = await client.response()
    assert.equal(status, bytes.startsWith('GET') ? 431 : 400)
    await client.closed
  }
})

test('C23 a refused connection that its client never closes is closed by the gateway', async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => rawConnect(rig.port)))
  for (const client of clients) {
    await client.write('nonsense\r\n\r\n')
    assert.equal((await client.response()).status, 400)
  }
  await eventually('their sockets are gone', () => rig.gateway.sockets() < clients.length)
  for (const client of clients) client.destroy()
})

test('C27 a request id is kept only where it is printable, and replaced where it is not', async () => {
  for (const id of ['a', 'trace 1/2;3=4"5', '~'.repeat(128)])
    assert.equal(
      (await rig.ask({ model: 'openai/id' }, { 'x-request-id': id })).headers['x-request-id'],
      id,
    )
  for (const id of ['', ' ', 'x'.repeat(129), 'caf\u00e9', 'tab\there', '\u0080']) {
    const answer = await rig.ask({ model: 'openai/id' }, { 'x-request-id': id })
    assert.equal(answer.status, 200)
    assert.equal(
      answer.headers['x-request-id'],
      answer.headers['x-sluice-call-id'],
      JSON.stringify(id),
    )
  }
  const broken = await rig.ask({ model: 'openai/id' }, { 'x-request-id': 'delete\u007f' })
  assertRefused(broken, 400, 'invalid_request')
  const refused = await rig.ask({ model: 'nobody/x' }, { 'x-request-id': 'mine' })
  assert.equal(refused.headers['x-request-id'], 'mine')
})

test('C27 a model name that breaks lines cannot put a header into the answer', async () => {
  const names = [
    'a\r\nx-injected: 1',
    'a\nset-cookie: b',
    'a\u0000b',
    'm\u00fc\u4f60\u{1f600}',
    'x'.repeat(500),
  ]
  for (const name of names) {
    const answer = await rig.ask({ model: `openai/${name}` })
    assert.equal(answer.headers['x-injected'], undefined)
    assert.equal(answer.headers['set-cookie'], undefined)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    const status = /[\x00-\x1f]/.test(name) ? 400 : 200
    assert.equal(answer.status, status, answer.text)
    // What is refused went to no provider, so there is no name to tell.
    const told = answer.headers['x-sluice-model'] ?? (status === 400 ? '-' : '')
    assert.match(told, /^[\x20-\x7e]{1,256}$/)
    const missing = await rig.ask({ model: `nobody-${name}/x` })
    assertRefused(missing, 404, 'model_not_found')
  }
})

test('C28 headers over the limit are refused, and the refusal arrives though more is on its way', async () => {
  const head = `GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n`
  const large = [
    `${head}cookie: ${'c'.repeat(1_000_000)}\r\n\r\n`,
    `${head}${'x-a: b\r\n'.repeat(20_000)}\r\n`,
    `${head}${'y'.repeat(20_000)}: z\r\n\r\n`,
    `GET /${'p'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`,
  ]
  for (const bytes of large) assertRefused(await refusedConnection(bytes), 431, 'headers_too_large')
  const fitting = await rig.send(`${head}cookie: ${'c'.repeat(15_000)}\r\n\r\n`)
  assert.equal(fitting.status, 200)
})

test('afterwards everything is back where it was', (t) => rig.finish(t))
