import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import type { ChatEvent } from '../../core/chat.ts'
import type { GatewayError } from '../../core/errors.ts'
import type { JsonObject } from '../json.ts'
import { openaiChat } from './dialect.ts'

const fixtures = path.join(import.meta.dirname, '../../../tests/fixtures/openai-chat')
const namesIn = (folder: string, ending: string): readonly string[] =>
  readdirSync(path.join(fixtures, folder))
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
const read = (...parts: readonly string[]): Buffer => readFileSync(path.join(fixtures, ...parts))
const parse = (bytes: Uint8Array): JsonObject =>
  JSON.parse(Buffer.from(bytes).toString('utf8')) as JsonObject

/** What a field that says "not set" may be left out as. */
function withoutUnset(wire: unknown): unknown {
  if (Array.isArray(wire)) return wire.map(withoutUnset)
  if (typeof wire !== 'object' || wire === null) return wire
  return Object.fromEntries(
    Object.entries(wire)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, withoutUnset(value)]),
  )
}

for (const name of namesIn('requests', '.json'))
  test(`the request "${name}" comes back from its neutral form as it was`, () => {
    const bytes = read('requests', `${name}.json`)
    const again = parse(openaiChat.request.encode(openaiChat.request.decode(bytes)))
    assert.deepEqual(withoutUnset(again), withoutUnset(parse(bytes)))
  })

test('the order of a tool schema and the text of arguments survive, since prompt caches hang on them', () => {
  const schema = '{"type":"object","properties":{"z":{},"a":{}},"required":["z"]}'
  const text = `{"model":"m","messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{ \\"b\\": 1,\\"a\\":2}"}}]}],"tools":[{"type":"function","function":{"name":"f","parameters":${schema}}}],"temperature":1}`
  const again = Buffer.from(
    openaiChat.request.encode(openaiChat.request.decode(Buffer.from(text))),
  ).toString()
  assert.ok(again.includes(schema), again)
  assert.ok(again.includes('"arguments":"{ \\"b\\": 1,\\"a\\":2}"'), again)
})

test('a request says the same in its other spellings', () => {
  const decode = (fields: object) =>
    openaiChat.request.decode(
      Buffer.from(
        JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }], ...fields }),
      ),
    )
  assert.deepEqual(decode({ stop: 'END' }).stop, ['END'])
  assert.deepEqual(decode({ tool_choice: 'any' }).toolChoice, { mode: 'required' })
  assert.deepEqual(decode({ max_tokens: 5 }).maxTokens, { tokens: 5, spelling: 'max_tokens' })
  assert.deepEqual(decode({ max_tokens: null, max_completion_tokens: 6 }).maxTokens, {
    tokens: 6,
    spelling: 'max_completion_tokens',
  })
  assert.equal(decode({ temperature: null }).temperature, undefined)
})

test("the gateway's own field is not part of the neutral request", () => {
  const body = JSON.stringify({ ...parse(read('requests', 'minimal.json')), fallbacks: ['a/b'] })
  const again = parse(openaiChat.request.encode(openaiChat.request.decode(Buffer.from(body))))
  assert.ok(!('fallbacks' in again))
})

test('a text among the parts of a message may be a string', () => {
  const content = ['Hello', { type: 'text', text: 'there' }]
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] })
  const [message] = openaiChat.request.decode(Buffer.from(body)).messages
  assert.deepEqual(message?.content, [
    { type: 'text', text: 'Hello', extra: {} },
    { type: 'text', text: 'there', extra: {} },
  ])
})

test('what is no message, part, call or tool is refused by its place, never left out', () => {
  const user = { role: 'user', content: 'x' }
  for (const [param, wire] of [
    ['messages[1]', { messages: [user, null] }],
    ['messages[0].content', { messages: [{ role: 'user', content: { type: 'text' } }] }],
    ['messages[0].content[1]', { messages: [{ role: 'user', content: ['x', 5] }] }],
    ['messages[1].tool_calls', { messages: [user, { role: 'assistant', tool_calls: {} }] }],
    ['messages[1].tool_calls[0]', { messages: [user, { role: 'assistant', tool_calls: ['f'] }] }],
    ['tools[0]', { messages: [user], tools: ['f'] }],
  ] as const)
    assert.throws(
      () => openaiChat.request.decode(Buffer.from(JSON.stringify({ model: 'm', ...wire }))),
      (thrown: GatewayError) =>
        thrown.code === 'invalid_request' && thrown.facts.param === param && thrown.status === 400,
      param,
    )
})

test('keys that are special to JavaScript are data like any other', () => {
  const body = '{"model":"m","messages":[{"role":"user","content":"x"}],"__proto__":{"polluted":1}}'
  const request = openaiChat.request.decode(Buffer.from(body))
  assert.equal(({} as JsonObject)['polluted'], undefined)
  assert.match(Buffer.from(openaiChat.request.encode(request)).toString(), /"__proto__":\{/)
})

for (const name of namesIn('replies', '.json'))
  test(`the reply "${name}" comes back from its neutral form as it was`, () => {
    const bytes = read('replies', `${name}.json`)
    const wire = parse(bytes)
    const again = parse(openaiChat.reply.encode(openaiChat.reply.decode(bytes)))
    // Counts that the neutral usage has no word for are not carried over.
    const { usage, ...rest } = withoutUnset(again) as JsonObject
    const { usage: given, ...expected } = withoutUnset(wire) as JsonObject
    assert.deepEqual(rest, expected)
    assert.equal(usage === undefined, given === undefined)
    const counts = (each: unknown): unknown[] =>
      ['prompt_tokens', 'completion_tokens', 'total_tokens'].map(
        (count) => (each as JsonObject | undefined)?.[count],
      )
    assert.deepEqual(counts(usage), counts(given))
  })

test('a reply may begin with blank lines or a byte order mark', () => {
  const bytes = read('replies', 'plain.json')
  const expected = openaiChat.reply.decode(bytes)
  for (const before of ['\n\n         \n', '\ufeff'])
    assert.deepEqual(openaiChat.reply.decode(Buffer.concat([Buffer.from(before), bytes])), expected)
})

test('a reply whose content is a list of parts says its text and its thinking', () => {
  const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }] }
  const content = [thinking, { type: 'text', text: '4' }, { type: 'text', text: '2' }]
  const [choice] = openaiChat.reply.decode(
    Buffer.from(JSON.stringify({ choices: [{ message: { role: 'assistant', content } }] })),
  ).choices
  assert.equal(choice?.content, '42')
  assert.equal(choice?.reasoning, 'Hm.')
})

test('what is no completion is refused as an invalid answer', () => {
  for (const body of ['', 'null', '[]', '{}', '{"choices":{}}', '<html>', '{"choices":['])
    assert.throws(() => openaiChat.reply.decode(Buffer.from(body)), {
      code: 'upstream_invalid_response',
    })
})

/** Errors as the fixtures write them down. */
const plain = (events: readonly ChatEvent[]): unknown[] =>
  events.map((event) =>
    event.type === 'error'
      ? {
          type: 'error',
          code: event.error.code,
          status: event.error.status,
          message: event.error.message,
        }
      : event,
  )

function decodeStream(bytes: Buffer, step: number): readonly ChatEvent[] {
  const decoder = openaiChat.events.decoder()
  const events: ChatEvent[] = []
  for (let at = 0; at < bytes.length; at += step)
    events.push(...decoder.push(bytes.subarray(at, at + step)))
  return [...events, ...decoder.end()]
}

const streams = namesIn('streams', '.sse')
const isCutShort = (name: string): boolean =>
  (parse(read('streams', `${name}.events.json`)) as unknown as ChatEvent[]).at(-1)?.type === 'error'

for (const name of streams) {
  const text = read('streams', `${name}.sse`).toString('utf8')
  const expected = parse(read('streams', `${name}.events.json`))

  test(`the stream "${name}" says the same however it is cut and its lines end`, () => {
    for (const lineEnd of ['\n', '\r\n', '\r'])
      for (const step of [1, 7, 64, Number.POSITIVE_INFINITY]) {
        const bytes = Buffer.from(text.replaceAll('\n', lineEnd))
        const events = decodeStream(bytes, Math.min(step, bytes.length))
        assert.deepEqual(plain(events), expected, JSON.stringify({ lineEnd, step }))
      }
  })

  test(`the stream "${name}" comes back from its events`, () => {
    const events = decodeStream(Buffer.from(text), text.length * 4)
    const encoder = openaiChat.events.encoder()
    const again = encoder.push(events) + encoder.end()
    const broken = isCutShort(name)
    assert.equal(again.endsWith('data: [DONE]\n\n'), !broken)
    const back = decodeStream(Buffer.from(again), again.length * 4)
    if (!broken) assert.deepEqual(plain(back), expected)
    else {
      assert.deepEqual(plain(back).slice(0, -1), (expected as unknown as unknown[]).slice(0, -1))
      assert.equal(back.at(-1)?.type, 'error')
    }
  })
}

test('every chunk that is written has one id, and each choice one role and one finish', () => {
  for (const name of streams.filter((each) => !isCutShort(each))) {
    const encoder = openaiChat.events.encoder()
    const text = encoder.push(decodeStream(read('streams', `${name}.sse`), 64)) + encoder.end()
    const chunks = text
      .split('\n\n')
      .filter((frame) => frame.startsWith('data: {'))
      .map((frame) => JSON.parse(frame.slice(6)) as Chunk)
    assert.equal(new Set(chunks.map(({ id }) => id)).size, 1, name)
    const choices = chunks.flatMap((chunk) => chunk.choices)
    for (const index of new Set(choices.map((choice) => choice.index))) {
      const own = choices.filter((choice) => choice.index === index)
      assert.equal(own.filter(({ delta }) => delta.role !== undefined).length, 1, name)
      assert.equal(own.filter(({ finish_reason }) => finish_reason !== null).length, 1, name)
    }
    assert.ok(chunks.filter((chunk) => chunk.choices.length === 0).length <= 1, name)
  }
})
interface Chunk {
  readonly id: string
  readonly choices: readonly {
    readonly index: number
    readonly delta: { readonly role?: string }
    readonly finish_reason: string | null
  }[]
}

test('nothing follows an error, neither from a decoder nor from an encoder', () => {
  const broken = openaiChat.events.decoder()
  const [error] = broken.push(Buffer.from('data: {"error":{"message":"no"}}\n\n'))
  assert.equal(error?.type, 'error')
  assert.deepEqual(broken.push(read('streams', 'plain.sse')), [])
  assert.deepEqual(broken.end(), [])
  const encoder = openaiChat.events.encoder()
  assert.match(encoder.push(error ? [error] : []), /^data: \{"error":\{"message":"no"/)
  assert.equal(encoder.push([{ type: 'finish', choice: 0, reason: 'stop' }]), '')
  assert.equal(encoder.end(), '')
})

test('nothing follows the end of a stream', () => {
  const decoder = openaiChat.events.decoder()
  decoder.push(read('streams', 'plain.sse'))
  assert.deepEqual(decoder.push(Buffer.from('data: {"error":{"message":"no"}}\n\n')), [])
  assert.deepEqual(decoder.push(Buffer.from('data: ')), [])
  assert.deepEqual(decoder.push(Buffer.alloc(17 * 1024 * 1024, 'x')), [])
  assert.deepEqual(decoder.end(), [])
})

test('usage that comes before the last chunk is not forgotten', () => {
  const chunk = (finish: string | null, more: string) =>
    `data: {"choices":[{"index":0,"delta":{},"finish_reason":${JSON.stringify(finish)}}]${more}}\n\n`
  const text = chunk(null, ',"usage":{"prompt_tokens":1,"completion_tokens":2}') + chunk('stop', '')
  const last = decodeStream(Buffer.from(text), text.length).at(-1)
  assert.equal(last?.type === 'usage' && last.usage.outputTokens, 2)
})

test('a stream without anything in it was cut short', () => {
  for (const text of ['', ': hello\n\n', 'data: {"choices":[]}\n\n'])
    assert.equal(
      (decodeStream(Buffer.from(text), 64)[0] as { error?: GatewayError }).error?.code,
      'upstream_stream_truncated',
    )
})

test('an event without end is given up, not kept', () => {
  const decoder = openaiChat.events.decoder()
  decoder.push(Buffer.from('data: '))
  const [event] = decoder.push(Buffer.alloc(17 * 1024 * 1024, 'x'))
  assert.equal(event?.type === 'error' && event.error.code, 'upstream_invalid_response')
})
