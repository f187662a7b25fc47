import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sseData } from '../../support/raw-client.ts'
import { openaiError } from '../../support/upstream-openai.ts'
import * as script from '../../support/upstream-script.ts'
import { chunk, completion, contentOf, finish, role, text, usageChunk } from './chunks.ts'
import { assertError, assertErrorFrame, assertWholeStream } from './expect.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig
before(async () => {
  rig = await openRig()
})
after(() => rig.close())

const truncated = { code: 'upstream_stream_truncated', type: 'upstream_error' } as const
const invalid = { code: 'upstream_invalid_response', type: 'upstream_error' } as const
const words = [role, text('one '), text('two ')]

describe('what a stream may look like', { concurrency: 8 }, () => {
  test('U18 U20 U21: the bytes decide about a stream, not the content type', async () => {
    const json = completion('one two')
    rig.upstream.on('u21-json', script.json(200, json, { 'content-type': 'text/event-stream' }))
    for (const include of [false, true]) {
      const response = await rig.stream('up/u21-json', {
        stream_options: { include_usage: include },
      })
      const events = assertWholeStream(response)
      assert.equal(contentOf(events), 'one two')
      const last = JSON.parse(events.at(-1) as string) as { usage?: object; choices: unknown[] }
      assert.equal(last.usage !== undefined, include)
    }
    for (const type of ['application/json', 'text/plain', 'text/html']) {
      const headers = script.head(200, { 'content-type': type, 'transfer-encoding': 'chunked' })
      rig.upstream.on('u20', [
        headers,
        [...words, finish()].map((each) => script.event(each)),
        script.event('[DONE]'),
        script.lastChunk(),
      ])
      assert.equal(contentOf(assertWholeStream(await rig.stream('up/u20'))), 'one two ')
    }
    rig.upstream.on(
      'u18',
      script.reply(200, '<html>SECRET-PAGE</html>', { 'content-type': 'text/event-stream' }),
    )
    const page = await rig.stream('up/u18')
    assertError(page, 502, invalid)
    assert.ok(!page.text.includes('SECRET-PAGE'))
  })

  test('U21: a stream in answer to a plain call is gathered into one reply', async () => {
    const begins = ['', ': hello\n\n', 'id: 1\nevent: message\n', 'retry: 10\n\n', '\ufeff', '\n\n']
    for (const begin of begins) {
      rig.upstream.on('u21', [
        script.streamHead(),
        script.frame(begin || '\n'),
        [...words, finish('length'), usageChunk(4, 2), '[DONE]'].map((each) => script.event(each)),
        script.lastChunk(),
      ])
      const response = await rig.call('up/u21')
      assert.equal(response.status, 200, `${JSON.stringify(begin)} ${response.text}`)
      assert.equal(response.headers['content-type'], 'application/json')
      const reply = response.json() as ReturnType<typeof completion>
      assert.deepEqual((reply['choices'] as unknown[])[0], {
        index: 0,
        message: { role: 'assistant', content: 'one two ', refusal: null },
        logprobs: null,
        finish_reason: 'length',
      })
      assert.equal((reply['usage'] as { prompt_tokens: number }).prompt_tokens, 4)
    }
    rig.upstream.on('u21-cut', script.sse(words, { done: false }))
    assertError(await rig.call('up/u21-cut'), 502, truncated)
    rig.upstream.on(
      'u21-error',
      script.sse([...words, openaiError('crashed', { type: 'server_error' })]),
    )
    assertError(await rig.call('up/u21-error'), 502, { code: 'upstream_error', message: 'crashed' })
  })

  test('U22: an event that is no JSON ends that stream alone', async () => {
    for (const garbage of ['hello', 'null', '12', '[1]', '{"choices":', '\0']) {
      rig.upstream.on('u22', script.sse([...words, garbage, text('late'), finish()]))
      rig.upstream.on('u22-first', script.sse([garbage, ...words, finish()]))
      const [late, first, other] = await Promise.all([
        rig.stream('up/u22'),
        rig.stream('up/u22-first'),
        rig.stream('up/other'),
      ])
      assertErrorFrame(late, invalid)
      assertError(first, 502, invalid)
      assertWholeStream(other)
    }
  })

  test('U22 U25: fields, comments, empty events and a byte order mark are no harm and stay as they are', async () => {
    const raw = [
      '\ufeff: hello\n\n',
      'event: message\nid: 7\nretry: 1000\n',
      `data:${JSON.stringify(role)}\n\n`,
      'data:\n\n',
      'data\n\n',
      'data: \n\n',
      'nonsense\n\n',
      `data:   ${JSON.stringify(text('one'))}  \n\n`,
      '\n\n\n',
      `data: {"id":"x",\ndata: "choices":[{"index":0,"delta":{"content":" two"}}]}\n\n`,
      ': bye\n',
      `data: ${JSON.stringify(finish())}\n\n`,
      'data: [DONE]\n\n',
    ].join('')
    rig.upstream.on('u25', [script.streamHead(), script.frame(raw), script.lastChunk()])
    const response = await rig.stream('up/u25')
    assert.equal(response.status, 200)
    assert.equal(response.text, raw)
  })

  test('U23 U24: every line end and every cut gives the same events', async () => {
    const emoji = text('🙂é漢́字')
    const events = [
      { choices: [], prompt_filter_results: [] },
      role,
      emoji,
      finish(),
      usageChunk(1, 1),
    ]
    const expected = events.map((each) => JSON.stringify(each))
    for (const lineEnd of ['\n', '\r\n', '\r'] as const)
      for (const every of [1, 2, 3, 5, 64]) {
        rig.upstream.on('u23', script.sse(events, { lineEnd, split: { every } }))
        const fields = { stream_options: { include_usage: true } }
        const response = await rig.stream('up/u23', fields)
        assert.deepEqual(assertWholeStream(response), expected)
        const bare = await rig.stream('up/u23')
        assert.deepEqual(assertWholeStream(bare), expected.slice(0, -1))
      }
  })

  test('U26: an event of 5 MB passes, first or later, one of 17 MB is an error', async () => {
    const big = text('x'.repeat(5 * 1024 * 1024))
    rig.upstream.on('u26-first', script.sse([big, finish()]))
    rig.upstream.on('u26-later', script.sse([role, big, finish()]))
    for (const model of ['u26-first', 'u26-later']) {
      const events = assertWholeStream(await rig.stream(`up/${model}`))
      assert.equal(contentOf(events).length, 5 * 1024 * 1024)
    }
    rig.upstream.on('u26-huge', script.sse([role, text('x'.repeat(17 * 1024 * 1024)), finish()]))
    assertErrorFrame(await rig.stream('up/u26-huge'), { ...invalid, message: /16 MiB/ })
    rig.upstream.on('u26-huge-first', script.sse([text('x'.repeat(17 * 1024 * 1024)), finish()]))
    assertError(await rig.stream('up/u26-huge-first'), 502, { ...invalid, message: /16 MiB/ })
  })

  test('a megabyte without anything real in it is refused, however it ends', async () => {
    const filler = script.frame(`: ${'x'.repeat(64 * 1024)}\n\n`)
    rig.upstream.on('filler', [script.streamHead(), script.forever(filler)])
    assertError(await rig.stream('up/filler'), 502, { ...invalid, message: /megabyte/ })
    const empty = JSON.stringify({ choices: [], filler: 'x'.repeat(2 * 1024 * 1024) })
    rig.upstream.on('filler-fin', [
      script.streamHead({}, 'close'),
      script.frame(`data: ${empty}`, { framing: 'close' }),
      script.fin(),
    ])
    assertError(await rig.stream('up/filler-fin'), 502, invalid)
  })

  test('U27: one event in a hundred thousand pieces costs time in proportion', async () => {
    const bytes = `data: ${JSON.stringify(text('x'.repeat(100_000)))}\n\n`
    rig.upstream.on('u27', [
      script.streamHead({}, 'close'),
      script.event(role, { framing: 'close' }),
      script.frame(bytes, { framing: 'close', split: { every: 16 } }),
      script.event(finish(), { framing: 'close' }),
      script.fin(),
    ])
    assert.equal(contentOf(assertWholeStream(await rig.stream('up/u27'))).length, 100_000)
  })

  test('U31: what Azure sends besides is forwarded untouched and in order', async () => {
    const odd = [
      { choices: [], created: 0, id: '', model: '', object: '', prompt_filter_results: [{}] },
      { id: 'a', choices: [{ index: 0, content_filter_results: {} }] },
      { id: 'a', choices: [{ index: 0, delta: null }] },
      { id: 'a', choices: [{ delta: { content: 'x' } }] },
      { id: 'a', choices: null },
      { id: 'a', choices: [null] },
      { id: 'a' },
      { id: 'a', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: null },
      usageChunk(1, 1),
    ]
    rig.upstream.on('u31', script.sse(odd))
    const response = await rig.stream('up/u31', { stream_options: { include_usage: true } })
    assert.deepEqual(
      assertWholeStream(response),
      odd.map((each) => JSON.stringify(each)),
    )
  })

  test('U32: the last usage counts, a wrong or missing one is estimated', async () => {
    const each = (content: string, completion: unknown): object => ({
      ...text(content),
      usage: { prompt_tokens: 9, completion_tokens: completion },
    })
    const cases = [
      [
        [
          role,
          each('a', 1),
          each('b', 2),
          { ...finish(), usage: { prompt_tokens: 9, completion_tokens: 3 } },
        ],
        9,
        3,
        undefined,
      ],
      [[role, text('a'), finish(), usageChunk(8, 5), usageChunk(8, 6)], 8, 6, undefined],
      [[role, text('a'), finish()], 'guess', 3, true],
      [
        [role, text('a'), { ...finish(), usage: { prompt_tokens: -4, completion_tokens: 'many' } }],
        'guess',
        3,
        true,
      ],
      [[role, text('a'), { ...finish(), usage: null }], 'guess', 3, true],
    ] as const
    for (const [events, input, output, estimated] of cases) {
      rig.upstream.on('u32', script.sse(events))
      using client = await rig.open('up/u32', { stream: true })
      assertWholeStream(await client.response())
      const record = await rig.record(client.label)
      if (input === 'guess') assert.ok(Number(record['input_tokens']) > 0)
      else assert.equal(record['input_tokens'], input)
      assert.equal(record['output_tokens'], output, JSON.stringify(events))
      assert.equal(record['estimated'], estimated)
    }
  })

  test('S11: headers and framing are those a proxy leaves alone', async () => {
    const response = await rig.stream('up/s11')
    assertWholeStream(response)
    assert.equal(response.headers['cache-control'], 'no-cache')
    assert.equal(response.headers['x-accel-buffering'], 'no')
    assert.equal(response.headers['content-encoding'], undefined)
  })

  test('S11 S15: each event is passed on when it comes, the first one too', async () => {
    const gates = [0, 1, 2].map(() => Promise.withResolvers<void>())
    const last = Promise.withResolvers<void>()
    rig.upstream.on('s15', [
      script.streamHead(),
      script.event(role),
      gates.map((gate, i) => [script.until(gate.promise), script.event(text(`${i}`))]),
      script.until(last.promise),
      script.event(finish()),
      script.event('[DONE]'),
      script.lastChunk(),
    ])
    using client = await rig.open('up/s15', { stream: true })
    let seen = String(await client.readUntil('"role"'))
    for (const [i, gate] of gates.entries()) {
      gate.resolve()
      seen += String(await client.readUntil(`"content":"${i}"`))
    }
    assert.equal(sseData(seen).length, 4)
    last.resolve()
    await client.readUntil('[DONE]')
  })

  test('U40: an encoded stream arrives decoded', async () => {
    const events = [...words, finish(), '[DONE]']
    const body = events
      .map((each) => `data: ${typeof each === 'string' ? each : JSON.stringify(each)}\n\n`)
      .join('')
    for (const encoding of ['gzip', 'br', 'zstd'] as const) {
      rig.upstream.on(
        'u40',
        script.encoded(200, body, [encoding], { 'content-type': 'text/event-stream' }),
      )
      const response = await rig.stream('up/u40')
      assert.equal(contentOf(assertWholeStream(response)), 'one two ')
      assert.equal(response.headers['content-encoding'], undefined)
    }
  })

  test('several choices, tools, refusals, reasoning and audio survive byte for byte', async () => {
    const events = [
      chunk({
        role: 'assistant',
        content: null,
        tool_calls: [
          { index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '' } },
        ],
      }),
      chunk({
        tool_calls: [
          { index: 0, function: { arguments: '{"a":"\\"finish_reason\\": \\"stop\\""}' } },
        ],
      }),
      chunk({ refusal: 'no' }, null, 1),
      chunk({ reasoning_content: 'hm', unknown: { deep: [1, -0.5, null] } }, null, 2),
      chunk({ audio: { id: 'a', data: 'AAAA' } }, null, 3),
      ...[0, 1, 2, 3].map((index) => chunk({}, 'stop', index)),
    ]
    rig.upstream.on('kinds', script.sse(events))
    const response = await rig.stream('up/kinds', { n: 4 })
    assert.deepEqual(
      assertWholeStream(response),
      events.map((each) => JSON.stringify(each)),
    )
  })
})
