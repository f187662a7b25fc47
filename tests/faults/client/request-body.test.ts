import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { ChatRequestSchema } from '../../../src/wire/openai-chat/schema.ts'
import { type RawResponse, rawConnect } from '../../support/raw-client.ts'
import { assertRefused, chatBytes, hello, startRig } from './client-rig.ts'
import { accepted, refused, refusedBodies } from './json-corpus.ts'

const rig = await startRig({ server: { max_body: '16MiB' } })
after(() => rig.end())

/** Sends bodies one after another on one connection and hands each answer to `check`. */
async function sendAll<T extends string | Uint8Array>(
  bodies: readonly T[],
  check: (answer: RawResponse, body: T) => void,
): Promise<void> {
  using client = await rawConnect(rig.port)
  for (const body of bodies) {
    await client.write(chatBytes(body))
    check(await client.response(), body)
  }
}

const around = (value: string): string =>
  `{"model":"openai/corpus","messages":[{"role":"user","content":"SECRETWORD"}],"extra":${value},"user":"u"}`

test('C01 malformed JSON is refused with its place, without an echo and without a call upstream', async () => {
  const before = rig.seen('corpus').length
  const bodies = [...refused.map(around), ...refusedBodies]
  await sendAll(bodies, (answer, body) => {
    const { error } = assertRefused(answer, 400, 'invalid_json')
    assert.match(error.message, /line \d+, column \d+$/, body)
    assert.equal(answer.text.includes('SECRETWORD'), false)
    assert.equal(answer.headers['x-should-retry'], 'false')
  })
  assert.equal(rig.seen('corpus').length, before)
})

test('C01 a body cut off after any byte is refused, and the whole of it is accepted', async () => {
  const whole =
    '{"model":"openai/corpus","messages":[{"role":"user","content":"a\\u00e9 \\"b\\""}],"n":1}'
  const cuts = Array.from({ length: whole.length }, (_, index) => whole.slice(0, index))
  await sendAll(cuts, (answer, body) => {
    assert.equal(answer.status, 400, body)
    assert.equal(assertRefused(answer, 400, 'invalid_json').error.param, null)
  })
  await sendAll([whole], ({ status }) => assert.equal(status, 200))
})

test('C01 the place of a fault counts lines and columns from 1', async () => {
  const places: readonly (readonly [string, string])[] = [
    ['', 'line 1, column 1'],
    ['{"a":1,\n"b":2,\n  oops}', 'line 3, column 3'],
    ['{"a":nope}', 'line 1, column 6'],
  ]
  for (const [body, place] of places)
    await sendAll([body], (answer) =>
      assert.ok(assertRefused(answer, 400, 'invalid_json').error.message.endsWith(place)),
    )
})

test('C01 any valid value of an unknown field reaches the provider byte for byte', async () => {
  const sent = accepted.map(around)
  await sendAll(sent, ({ status, text }, body) => assert.equal(status, 200, `${body}\n${text}`))
  const arrived = rig.upstream.requests
    .filter(({ body }) => body.includes('SECRETWORD'))
    .map(({ body }) => body.toString())
  assert.deepEqual(
    arrived,
    sent.map((body) => body.replace('openai/corpus', 'corpus')),
  )
})

const samples: Readonly<Record<string, string>> = {
  string: '"text"',
  number: '1.5',
  integer: '1',
  boolean: 'true',
  object: '{}',
  array: '[{}]',
}

test('C02 a documented field of a wrong type is refused by its name', async () => {
  const properties = Object.entries(
    ChatRequestSchema.properties as Record<string, { type?: string | readonly string[] }>,
  )
  let cases = 0
  for (const [name, { type = [] }] of properties) {
    const kinds = new Set([type].flat())
    if (kinds.has('number')) kinds.add('integer')
    const wrong = Object.entries(samples).filter(([kind]) => !kinds.has(kind))
    const bodies = wrong.map(([, value]) => bodyWith(name, value))
    await sendAll(bodies, (answer, body) => {
      assert.equal(assertRefused(answer, 400, 'invalid_request').error.param, name, body)
      cases++
    })
  }
  assert.ok(cases > 100)
})

function bodyWith(name: string, value: string): string {
  const fields = new Map([
    ['model', '"openai/shape"'],
    ['messages', JSON.stringify(hello)],
  ])
  fields.set(name, value)
  return `{${[...fields].map(([key, text]) => `"${key}":${text}`).join()}}`
}

test('C02 values out of range and missing fields are refused by name, before any call upstream', async () => {
  const wrong: readonly (readonly [string, string])[] = [
    ['n', '-1'],
    ['n', '0'],
    ['n', '1.5'],
    ['max_tokens', '1e309'],
    ['max_completion_tokens', '-1e999'],
    ['temperature', '-0.1'],
    ['temperature', '2.1'],
    ['top_p', '1.01'],
    ['top_logprobs', '21'],
    ['presence_penalty', '-3'],
    ['messages', '[]'],
    ['messages', '[ ]'],
    ['messages', '["text"]'],
    ['messages', 'null'],
    ['model', '""'],
    ['model', 'null'],
    ['fallbacks', '[1]'],
    ['fallbacks', '[""]'],
    ['fallbacks', JSON.stringify(Array.from({ length: 11 }, () => 'openai/x'))],
  ]
  for (const [name, value] of wrong)
    await sendAll([bodyWith(name, value)], (answer) =>
      assert.equal(assertRefused(answer, 400, 'invalid_request').error.param, name, value),
    )
  await sendAll(['{"model":"openai/shape"}'], (answer) =>
    assert.equal(assertRefused(answer, 400, 'invalid_request').error.param, 'messages'),
  )
  await sendAll([JSON.stringify({ messages: hello })], (answer) =>
    assert.equal(assertRefused(answer, 400, 'invalid_request').error.param, 'model'),
  )
  await sendAll([bodyWith('stream_options', '{"include_usage":"yes"}')], (answer) =>
    assert.equal(
      assertRefused(answer, 400, 'invalid_request').error.param,
      'stream_options.include_usage',
    ),
  )
  assert.equal(rig.seen('shape').length, 0)
})

test('C05 nesting is refused beyond 64 levels, however deep, and the process lives', async () => {
  const nested = (levels: number, open: string, close: string): string =>
    bodyWith('metadata', `{"a":${open.repeat(levels)}1${close.repeat(levels)}}`)
  await sendAll([nested(62, '[', ']'), nested(62, '{"a":', '}')], ({ status }) =>
    assert.equal(status, 200),
  )
  const deep = [nested(63, '[', ']'), nested(63, '{"a":', '}'), nested(100_000, '[', ']')]
  await sendAll([...deep, `{"a":${'['.repeat(5_000_000)}`], (answer) =>
    assertRefused(answer, 400, 'too_deep'),
  )
  // What is no object from its first byte on is refused as that.
  await sendAll(['['.repeat(100_000)], (answer) => assertRefused(answer, 400, 'invalid_json'))
})

test('C06 hundreds of thousands of keys, also colliding ones, do not hold up the others', async (t) => {
  const keys = (count: number, name: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => `"${name(index)}":0`).join()
  // Digits make names that are also array indexes; these differ by multiples of a power of two.
  const names = [
    (index: number) => String(index),
    (index: number) => String(index * 65_536),
    (index: number) => `key${index}`,
  ]
  for (const name of names) {
    const began = performance.now()
    const top = `{"model":"openai/keys","messages":${JSON.stringify(hello)},${keys(200_000, name)}}`
    const inner = bodyWith('metadata', `{${keys(200_000, name)}}`)
    let slowestMs = 0
    let over = false
    const watch = (async () => {
      using client = await rawConnect(rig.port)
      while (!over) {
        const at = performance.now()
        await client.write('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n')
        assert.equal((await client.response()).status, 200)
        slowestMs = Math.max(slowestMs, performance.now() - at)
      }
    })()
    await sendAll([top, inner], ({ status }) => assert.equal(status, 200))
    over = true
    await watch
    t.diagnostic(
      `200,000 keys twice: ${Math.round(performance.now() - began)} ms, others waited ${Math.round(slowestMs)} ms at most`,
    )
    assert.ok(slowestMs < 2_000)
  }
})

test('C07 names that are special to JavaScript are plain data', async () => {
  const special = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']
  for (const name of special) {
    const body = `{"model":"openai/plain","messages":${JSON.stringify(hello)},"${name}":{"polluted":"yes"}}`
    await sendAll([body], ({ status }) => assert.equal(status, 200))
    assert.equal(rig.seen('plain').at(-1)?.body.toString(), body.replace('openai/plain', 'plain'))
    await sendAll([`{"${name}":1,"${name}":2}`], (answer) =>
      assert.equal(assertRefused(answer, 400, 'duplicate_key').error.param, name),
    )
  }
  const after = await rig.ask({ model: 'openai/plain' })
  assert.equal(after.text.includes('polluted'), false)
})

test('C09 a field given twice is refused by its name, in any spelling, so that no two readers can differ', async () => {
  const twice: readonly (readonly [string, string, string])[] = [
    ['model', '"openai/cheap"', '"openai/dear"'],
    ['stream', 'false', 'true'],
    ['stream_options', '{}', 'null'],
    ['n', '1', '128'],
    ['max_tokens', '1', '100000'],
    ['messages', '[{}]', JSON.stringify(hello)],
    ['fallbacks', '[]', '["azure/dear"]'],
    ['anything', '1', '1'],
  ]
  for (const [name, first, second] of twice) {
    const escaped = `\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}`
    for (const spelling of [name, escaped])
      for (const [one, other] of [
        [first, second],
        [second, first],
      ])
        await sendAll([`{"${name}":${one},"x":{"${name}":0},"${spelling}":${other}}`], (answer) =>
          assert.equal(assertRefused(answer, 400, 'duplicate_key').error.param, name),
        )
  }
  assert.equal(rig.seen('dear').length + rig.seen('cheap').length, 0)
})

test('C09 an escaped spelling of a field counts as that field: what is checked is what is sent', async () => {
  const body = `{"mod\\u0065l":"openai/spelled","messages":${JSON.stringify(hello)}}`
  await sendAll([body], ({ status }) => assert.equal(status, 200))
  assert.equal(
    rig.upstream.requests.some(({ model }) => model === 'spelled'),
    true,
  )
})

test('C10 what is not UTF-8 is refused, and a byte order mark is taken away', async () => {
  const text = around('1')
  const bad: readonly Uint8Array[] = [
    Buffer.concat([
      Buffer.from('{"model":"openai/corpus","x":"'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]),
    Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]),
    Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
    Buffer.concat([
      Buffer.from('{"x":"'),
      Buffer.from([0xf4, 0x90, 0x80, 0x80]),
      Buffer.from('"}'),
    ]),
    Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xe2, 0x82])]),
    Buffer.from(text, 'utf16le'),
    Buffer.from(text, 'utf16le').swap16(),
    Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]),
    Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(text, 'utf16le').swap16()]),
  ]
  await sendAll(bad, (answer) => assertRefused(answer, 400, 'invalid_encoding'))
  const marked = Buffer.concat([
    Buffer.from([0xef, 0xbb, 0xbf]),
    Buffer.from(bodyWith('user', '"bom"')),
  ])
  await sendAll([marked], ({ status }) => assert.equal(status, 200))
  assert.equal(rig.seen('"bom"').at(-1)?.body[0], 0x7b)
})

test('C35 large numbers and large conversations are passed on as they are', async () => {
  const large: readonly string[] = [
    bodyWith('n', '1000'),
    bodyWith('max_tokens', '2147483648'),
    bodyWith('messages', JSON.stringify(Array.from({ length: 20_000 }, () => hello[0]))),
    bodyWith('messages', JSON.stringify([{ role: 'user', content: 'z'.repeat(8_000_000) }])),
    bodyWith(
      'tools',
      JSON.stringify(
        Array.from({ length: 5_000 }, (_, index) => ({
          type: 'function',
          function: { name: `f${index}` },
        })),
      ),
    ),
  ]
  const before = rig.seen('shape').length
  await sendAll(large, ({ status, text }) => assert.equal(status, 200, text.slice(0, 300)))
  const arrived = rig.seen('shape').slice(before)
  for (const [index, body] of large.entries()) {
    const same = arrived[index]?.body.equals(Buffer.from(body.replace('openai/', '')))
    assert.ok(same, `body ${index} arrived unchanged`)
  }
})

test('afterwards everything is back where it was', (t) => rig.finish(t))
