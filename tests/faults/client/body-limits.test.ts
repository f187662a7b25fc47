import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { rawConnect } from '../../support/raw-client.ts'
import {
  assertRefused,
  callerKey,
  chatBytes,
  chatPath,
  eventually,
  hello,
  startRig,
} from './client-rig.ts'

const limitBytes = 1024 * 1024
const rig = await startRig({ server: { max_body: '1MiB', max_buffered: '64MiB' } })
after(() => rig.end())

const headWith = (...lines: readonly string[]): string =>
  [
    `POST ${chatPath} HTTP/1.1`,
    'host: 127.0.0.1',
    `authorization: Bearer ${callerKey}`,
    ...lines,
    '',
    '',
  ].join('\r\n')

test('C03 a body announced as too large is refused by its head alone, and the connection ends after the answer', async () => {
  using client = await rawConnect(rig.port)
  await client.write(
    headWith('content-type: application/json', `content-length: ${limitBytes + 1}`),
  )
  const answer = await client.response()
  assertRefused(answer, 413, 'request_too_large')
  assert.equal(answer.headers['connection'], 'close')
  assert.equal((await client.closed).how, 'fin')
})

test('C03 a body of just the limit is served', async () => {
  const empty = JSON.stringify({ model: 'openai/full', messages: hello, pad: '' })
  const body = JSON.stringify({
    model: 'openai/full',
    messages: hello,
    pad: 'p'.repeat(limitBytes - empty.length),
  })
  assert.equal((await rig.send(chatBytes(body))).status, 200)
  assertRefused(await rig.send(chatBytes(`${body} `)), 413, 'request_too_large')
  assert.equal(rig.seen('full').length, 1)
})

test('C04 an endless body without a length is refused at the limit, and the answer arrives before the end', async () => {
  using client = await rawConnect(rig.port)
  await client.write(headWith('transfer-encoding: chunked'))
  const piece = `4000\r\n${'x'.repeat(0x4000)}\r\n`
  let sent = 0
  const flood = (async () => {
    for (; sent < 64 * limitBytes; sent += 0x4000) await client.write(piece)
  })().catch(() => undefined)
  const answer = await client.response()
  assertRefused(answer, 413, 'request_too_large')
  assert.equal(answer.headers['connection'], 'close')
  await client.closed
  await flood
  assert.ok(sent < 16 * limitBytes, `${sent} bytes were taken`)
})

test('C04 a refused body that is small leaves the connection usable, and a large one is not waited for', async () => {
  using client = await rawConnect(rig.port)
  await client.write(chatBytes('{"model":', { 'x-request-id': 'c04' }))
  assertRefused(await client.response(), 400, 'invalid_json')
  const wrong = { authorization: 'Bearer sk-bf-unknown' }
  await client.write(chatBytes({ model: 'openai/x' }, wrong))
  assertRefused(await client.response(), 401, 'invalid_api_key')
  await client.write(chatBytes({ model: 'openai/x' }))
  assert.equal((await client.response()).status, 200)
  using other = await rawConnect(rig.port)
  await other.write(chatBytes('', { ...wrong, 'content-length': '1000000' }))
  const answer = await other.response()
  assertRefused(answer, 401, 'invalid_api_key')
  assert.equal(answer.headers['connection'], 'close')
})

test('C11 only JSON in UTF-8 is taken, and a missing type is tolerated', async () => {
  const taken = [
    'application/json',
    'Application/JSON; charset=UTF-8',
    'application/json;charset="utf-8"',
    'application/json; boundary=x',
  ]
  for (const type of taken)
    assert.equal(
      (await rig.ask({ model: 'openai/type' }, { 'content-type': type })).status,
      200,
      type,
    )
  const bytes = JSON.stringify({ model: 'openai/type', messages: hello })
  const untyped = `${headWith(`content-length: ${bytes.length}`)}${bytes}`
  assert.equal((await rig.send(untyped)).status, 200)
  const refused = [
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=latin1',
    'application/json; charset=utf-16',
    'application/jsonl',
    'application/x-json',
    '',
    ';',
    'application/json, text/plain',
  ]
  for (const type of refused) {
    const answer = await rig.ask({ model: 'openai/type' }, { 'content-type': type })
    assertRefused(answer, 415, 'unsupported_media_type')
  }
})

test('C15 a client that goes away with half its body sent reaches no provider and is recorded as 499', async () => {
  for (const [index, leave] of (['rst', 'destroy'] as const).entries()) {
    const id = `c15-${index}`
    const bytes = chatBytes({ model: 'openai/half' }, { 'x-request-id': id })
    using client = await rawConnect(rig.port)
    await client.write(bytes.subarray(0, -20))
    await eventually(
      'the call is under way',
      async () => (await rig.metric('sluice_inflight_requests')) > 0,
    )
    client[leave]()
    const record = await rig.record(id)
    assert.equal(record['status'], 499)
    assert.equal(record['error'], 'client_closed')
    assert.equal(record['input_tokens'], undefined)
    assert.equal(record['attempts'], undefined)
  }
  assert.equal(rig.seen('half').length, 0)
})

test('C24 a body in chunks of one byte costs its size, not the number of its chunks', async (t) => {
  const body = Buffer.from(
    JSON.stringify({
      model: 'openai/bytes',
      messages: [{ role: 'user', content: 'y'.repeat(1_000_000) }],
    }),
  )
  const wire = Buffer.alloc(body.length * 6)
  for (const [index, byte] of body.entries()) {
    wire.write('1\r\n', index * 6)
    wire[index * 6 + 3] = byte
    wire.write('\r\n', index * 6 + 4)
  }
  const beforeKb = rig.gateway.rssKb()
  using client = await rawConnect(rig.port)
  await client.write(headWith('x-request-id: c24', 'transfer-encoding: chunked'))
  await client.write(wire)
  // The last byte is in the gateway's hands when it asks for more, which only the answer shows.
  const heldKb = rig.gateway.rssKb()
  await client.write('0\r\n\r\n')
  assert.equal((await client.response()).status, 200)
  const grownKb = Math.max(heldKb, rig.gateway.rssKb()) - beforeKb
  t.diagnostic(`a body of 1 MB in chunks of one byte cost ${grownKb} KiB`)
  assert.ok(grownKb < 150 * 1024)
  assert.ok(
    rig
      .seen('bytes')
      .at(-1)
      ?.body.equals(Buffer.from(body.toString().replace('openai/', ''))),
  )
})

test('C24 floods of chunk extensions, absurd chunk sizes and broken chunks end the connection', async () => {
  const chunked = headWith('transfer-encoding: chunked')
  const bad: readonly (readonly [string, number, string])[] = [
    [`1;${'e'.repeat(20_000)}\r\n{\r\n`, 413, 'request_too_large'],
    ['ffffffffffffffffff\r\n', 400, 'invalid_request'],
    ['-1\r\n', 400, 'invalid_request'],
    ['+5\r\n12345\r\n', 400, 'invalid_request'],
    ['0x5\r\n12345\r\n', 400, 'invalid_request'],
    ['5\r\n1234567\r\n', 400, 'invalid_request'],
    ['5 \r\n12345\r\n', 400, 'invalid_request'],
    ['5\n12345\n0\n\n', 400, 'invalid_request'],
    ['\r\n', 400, 'invalid_request'],
  ]
  for (const [bytes, status, code] of bad) {
    using client = await rawConnect(rig.port)
    client.write(chunked + bytes).catch(() => undefined)
    const answer = await client.response()
    assertRefused(answer, status, code)
    assert.equal(answer.headers['connection'], 'close', bytes.slice(0, 40))
    await client.closed
  }
})

test('C24 trailers are read and ignored', async () => {
  const body = JSON.stringify({ model: 'openai/trailed', messages: hello })
  const chunked = `${headWith('transfer-encoding: chunked', 'trailer: authorization')}${body.length.toString(16)}\r\n${body}\r\n`
  const answer = await rig.send(
    `${chunked}0\r\nauthorization: Bearer sk-bf-other\r\nx-request-id: trailed\r\n\r\n`,
  )
  assert.equal(answer.status, 200)
  assert.notEqual(answer.headers['x-request-id'], 'trailed')
})

const encoders = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
} as const

test('C25 a body in one known encoding is decoded and reaches the provider plain', async () => {
  for (const [name, encode] of Object.entries(encoders)) {
    const body = JSON.stringify({ model: 'openai/packed', messages: hello, user: name })
    const answer = await rig.send(
      chatBytes(encode(Buffer.from(body)), { 'content-encoding': name }),
    )
    assert.equal(answer.status, 200, name)
    const arrived = rig.seen('packed').at(-1)
    assert.equal(arrived?.body.toString(), body.replace('openai/', ''))
    assert.equal(arrived?.headers['content-encoding'], undefined)
  }
  const same = await rig.ask({ model: 'openai/packed' }, { 'content-encoding': 'identity' })
  assert.equal(same.status, 200)
})

test('C25 what inflates beyond the limit is refused while it inflates, many at once too', async (t) => {
  const zeros = Buffer.alloc(64 * limitBytes)
  const bombs = Object.entries(encoders).map(([name, encode]) => [name, encode(zeros)] as const)
  const beforeKb = rig.gateway.rssKb()
  const began = performance.now()
  const answers = await Promise.all(
    Array.from({ length: 4 }, () =>
      bombs.map(([name, bytes]) => rig.send(chatBytes(bytes, { 'content-encoding': name }))),
    ).flat(),
  )
  for (const answer of answers) assertRefused(answer, 413, 'request_too_large')
  const grownKb = rig.gateway.rssKb() - beforeKb
  t.diagnostic(
    `${answers.length} bombs of 64 MiB: ${Math.round(performance.now() - began)} ms, ${grownKb} KiB more`,
  )
  assert.ok(grownKb < 128 * 1024)
})

test('C25 nested, unknown and broken encodings are refused', async () => {
  const plain = Buffer.from(JSON.stringify({ model: 'openai/broken', messages: hello }))
  for (const name of [
    'gzip, gzip',
    'gzip, identity',
    'snappy',
    'compress',
    'aws-chunked',
    '__proto__',
  ])
    assertRefused(
      await rig.send(chatBytes(gzipSync(gzipSync(plain)), { 'content-encoding': name })),
      415,
      'unsupported_encoding',
    )
  for (const [name, encode] of Object.entries(encoders)) {
    const packed = encode(plain)
    for (const bytes of [plain, packed.subarray(0, -5), packed.subarray(5)]) {
      const answer = await rig.send(chatBytes(bytes, { 'content-encoding': name }))
      assertRefused(answer, 400, 'invalid_encoding')
    }
  }
  assert.equal(rig.seen('broken').length, 0)
})

test('C26 a client that waits to be asked for its body is asked once everything else is in order', async () => {
  const bytes = chatBytes({ model: 'openai/asked' }, { expect: '100-Continue' })
  const end = bytes.indexOf('\r\n\r\n') + 4
  using client = await rawConnect(rig.port)
  await client.write(bytes.subarray(0, end))
  const asked = await client.readUntil('\r\n\r\n')
  assert.equal(asked.toString(), 'HTTP/1.1 100 Continue\r\n\r\n')
  await client.write(bytes.subarray(end))
  assert.equal((await client.response()).status, 200)
})

test('C26 a client that waits is refused without being asked where something speaks against it', async () => {
  const cases: readonly (readonly [Record<string, string>, number, string])[] = [
    [{ 'content-length': String(limitBytes + 1) }, 413, 'request_too_large'],
    [{ authorization: 'Bearer dummy' }, 401, 'virtual_key_required'],
    [{ authorization: 'Bearer sk-bf-unknown' }, 401, 'invalid_api_key'],
    [{ 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
    [{ 'content-encoding': 'snappy' }, 415, 'unsupported_encoding'],
    [{ expect: '200-maybe' }, 417, 'expectation_failed'],
  ]
  for (const [headers, status, code] of cases) {
    const bytes = chatBytes({ model: 'openai/asked' }, { expect: '100-continue', ...headers })
    using client = await rawConnect(rig.port)
    await client.write(bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 4))
    const answer = await client.response()
    assertRefused(answer, status, code)
    assert.deepEqual(answer.informational, [])
  }
})

test('C26 a client of HTTP/1.0 is never asked, for it could not read the question', async () => {
  const bytes = chatBytes({ model: 'openai/old' }, { expect: '100-continue' })
  const answer = await rig.send(bytes.toString().replace('HTTP/1.1', 'HTTP/1.0'))
  assert.equal(answer.status, 200)
  assert.deepEqual(answer.informational, [])
})

test('afterwards everything is back where it was', (t) => rig.finish(t))
