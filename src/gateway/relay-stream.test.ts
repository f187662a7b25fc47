import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { GatewayError } from '../core/errors.ts'
import type { ChatOperation } from '../providers/adapter.ts'
import type { StreamEnd, StreamOptions } from './held-stream.ts'
import { RelayStream } from './relay-stream.ts'

interface Relay {
  readonly stream: RelayStream
  /** What was called, in order. */
  readonly calls: string[]
  /** What reached the client. */
  readonly written: () => string
  readonly ends: StreamEnd[]
  pump(): Promise<StreamEnd>
  /** What the sink answers to a write. */
  takes: boolean
}

function openRelay(
  options: Partial<StreamOptions> = {},
  corrections: ChatOperation['corrections'] = undefined,
): Relay {
  const calls: string[] = []
  const bytes: Uint8Array[] = []
  const ends: StreamEnd[] = []
  const stream = new RelayStream(
    {
      onReady: () => calls.push('ready'),
      onEvent: () => calls.push('event'),
      onFinished: (end) => {
        calls.push('finished')
        ends.push(end)
      },
      onPause: () => calls.push('pause'),
      onResume: () => calls.push('resume'),
    },
    {
      includeUsage: false,
      choices: 1,
      explain: (error) => new GatewayError(error.code, `explained: ${error.message}`, error.facts),
      ...options,
    },
    corrections,
  )
  const relay: Relay = {
    stream,
    calls,
    ends,
    written: () => Buffer.concat(bytes).toString(),
    takes: true,
    pump: () =>
      stream.pump({
        write(each) {
          bytes.push(Buffer.from(each))
          return relay.takes
        },
      }),
  }
  return relay
}

const frame = (wire: unknown, end = '\n'): string =>
  `data: ${typeof wire === 'string' ? wire : JSON.stringify(wire)}${end}${end}`
const delta = (content: string, index = 0): object => ({
  id: 'c',
  choices: [{ index, delta: { content }, finish_reason: null }],
})
const stop = { id: 'c', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }
const usage = { id: 'c', choices: [], usage: { prompt_tokens: 5, completion_tokens: 2 } }
const azureFirst = { choices: [], id: '', prompt_filter_results: [{ prompt_index: 0 }] }
/** A stream that the client reads, with one event behind it. */
function openFlowing(options: Parameters<typeof openRelay>[0] = {}): Relay {
  const relay = openRelay(options)
  push(relay, frame(delta('a')))
  void relay.pump()
  return relay
}
const push = (relay: Relay, ...texts: string[]): void => {
  for (const each of texts) relay.stream.push(Buffer.from(each))
}

describe('a stream cut at any byte', () => {
  const streams = {
    OpenAI: [delta(''), delta('é漢🙂 \u0301'), delta('two'), stop, usage, '[DONE]'],
    Azure: [azureFirst, delta(''), delta('🙂'), stop, usage, '[DONE]'],
  }
  for (const [name, events] of Object.entries(streams))
    for (const [lineName, line] of Object.entries({ LF: '\n', CRLF: '\r\n', CR: '\r' }))
      test(`${name} with ${lineName}: bytes, usage and end are the same`, async () => {
        const whole = Buffer.from(
          `: hello${line}${line}${events.map((each) => frame(each, line)).join('')}`,
        )
        const shown = Buffer.from(
          `: hello${line}${line}${events
            .filter((each) => each !== usage)
            .map((each) => frame(each, line))
            .join('')}`,
        ).toString()
        for (let at = 1; at < whole.length; at++) {
          const parts = [whole.subarray(0, at), whole.subarray(at)]
          assert.equal(await relayed(parts, true), whole.toString(), `cut at ${at}`)
          assert.equal(await relayed(parts, false), shown, `cut at ${at}`)
        }
        const bytes = Array.from(whole, (byte) => Buffer.from([byte]))
        assert.equal(await relayed(bytes, true), whole.toString())
        assert.equal(await relayed(bytes, false), shown)
      })

  async function relayed(parts: readonly Buffer[], includeUsage: boolean): Promise<string> {
    const relay = openRelay({ includeUsage })
    let end: Promise<StreamEnd> | undefined
    for (const part of parts) {
      relay.stream.push(part)
      if (relay.calls.includes('ready')) end ??= relay.pump()
    }
    relay.stream.end()
    assert.deepEqual(await end, { error: null })
    assert.equal(relay.stream.usage?.outputTokens, 2)
    assert.equal(relay.calls.filter((call) => call === 'ready').length, 1)
    assert.equal(relay.ends.length, 1)
    return relay.written()
  }
})

test('nothing is real before a choice: what came is held and then sent in order', async () => {
  const relay = openRelay()
  push(relay, ': ping\n\n', frame(azureFirst), 'data:\n\n')
  assert.deepEqual(relay.calls, [])
  push(relay, frame({ id: 'c', choices: [{ index: 0, delta: { role: 'assistant' } }] }))
  assert.deepEqual(relay.calls, ['event', 'ready'])
  const end = relay.pump()
  assert.match(relay.written(), /^: ping\n\ndata: \{"choices":\[\][\s\S]*data:\n\n[\s\S]*"role"/)
  push(relay, frame(stop), frame('[DONE]'))
  assert.deepEqual(await end, { error: null })
})

test('an end that came before the client was ready is told when it is', async () => {
  const relay = openRelay()
  push(relay, frame(delta('a')) + frame(stop) + frame('[DONE]'))
  relay.stream.end()
  assert.deepEqual(await relay.pump(), { error: null })
  assert.equal(relay.written(), frame(delta('a')) + frame(stop) + frame('[DONE]'))
})

test('a sink that is full pauses the source, and the client that reads again resumes it', () => {
  const relay = openFlowing()
  assert.ok(!relay.calls.includes('pause'))
  relay.takes = false
  push(relay, frame(delta('b')))
  assert.equal(relay.calls.at(-1), 'pause')
  relay.stream.resume()
  assert.equal(relay.calls.at(-1), 'resume')
  relay.takes = true
  push(relay, frame(delta('c')) + frame(stop) + frame('[DONE]'))
  const calls = relay.calls.length
  relay.stream.resume()
  assert.equal(relay.calls.length, calls, 'a stream that is over resumes nothing')
})

test('a first event of any size is real, and holding much pauses the source until the client is there', () => {
  const relay = openRelay()
  push(relay, frame(delta('x'.repeat(2 * 1024 * 1024))))
  assert.deepEqual(relay.calls, ['event', 'pause', 'ready'])
  void relay.pump()
  assert.equal(relay.calls.at(-1), 'resume')
})

test('a source whose held bytes already fill the sink stays paused', () => {
  const relay = openRelay()
  push(relay, frame(delta('x'.repeat(2 * 1024 * 1024))))
  relay.takes = false
  void relay.pump()
  assert.equal(relay.calls.at(-1), 'pause')
})

test('more than a megabyte of nothing is refused, by push and at the end', () => {
  const filler = `: ${'x'.repeat(300 * 1024)}\n\n`
  const pushed = openRelay()
  push(pushed, filler, filler, filler)
  assert.equal(pushed.ends.length, 0)
  push(pushed, filler)
  assert.equal(pushed.ends[0]?.error?.code, 'upstream_invalid_response')
  const ended = openRelay()
  push(ended, `data: {"choices":[],"x":"${'x'.repeat(1024 * 1024)}"}`)
  ended.stream.end()
  assert.equal(ended.ends[0]?.error?.code, 'upstream_invalid_response')
})

test('a missing [DONE] is added after a finish, and only then', async () => {
  const finished = openRelay()
  push(finished, frame(delta('a')), frame(stop))
  const end = finished.pump()
  finished.stream.end()
  assert.deepEqual(await end, { error: null })
  assert.ok(finished.written().endsWith('\n\ndata: [DONE]\n\n'))
  for (const events of [[], [frame(delta('a'))], [frame(azureFirst)]]) {
    const cut = openRelay({ choices: 2 })
    push(cut, ...events)
    cut.stream.end()
    assert.equal(cut.ends[0]?.error?.code, 'upstream_stream_truncated')
    assert.ok(!cut.written().includes('[DONE]'))
  }
})

test('with several choices the last one decides whether the stream is finished', () => {
  const relay = openFlowing({ choices: 2 })
  push(relay, frame(delta('b', 1)), frame(stop))
  relay.stream.end()
  assert.equal(relay.ends[0]?.error?.code, 'upstream_stream_truncated')
})

test('an error is the attempt’s before the first event, and worded for the client after it', () => {
  const early = openRelay()
  push(early, frame({ error: { message: 'no', code: 429 } }))
  assert.equal(early.ends[0]?.error?.message, 'no')
  assert.equal(early.ends[0]?.error?.code, 'upstream_rate_limited')
  const late = openFlowing()
  push(late, frame({ error: { message: 'no', code: 500 } }) + frame(delta('b')))
  assert.equal(late.ends[0]?.error?.message, 'explained: no')
  assert.equal(
    late.written(),
    frame(delta('a')),
    'neither the error nor what follows it is relayed',
  )
  late.stream.fail(new GatewayError('client_closed', 'gone'))
  late.stream.end()
  push(late, frame(delta('c')))
  assert.equal(late.ends.length, 1)
})

test('an event named error is a failure whatever its data looks like', () => {
  const relay = openFlowing()
  push(relay, `event: error\n${frame({ message: 'crashed' })}`)
  assert.equal(relay.ends[0]?.error?.message, 'explained: crashed')
})

test('signs of life that carry nothing count as no event', () => {
  const relay = openFlowing()
  const calls = relay.calls.length
  push(relay, ': ping\n\n', frame({ choices: [] }), frame({ type: 'ping' }), 'data:\n\n')
  assert.equal(relay.calls.length, calls)
  assert.equal(relay.stream.dataEvents, 1)
})

test('a correction rewrites the events that deviate and no other byte', () => {
  const relay = openRelay(
    {},
    {
      everyChunk: true,
      openStream: () => ({
        owed: null,
        correct: (wire) => (wire['odd'] === true ? { ...wire, odd: false } : 'same'),
      }),
      reply: () => null,
    },
  )
  const spaced = 'data:  {"id" : "c", "choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
  push(relay, spaced)
  void relay.pump()
  push(relay, frame({ ...delta('b'), odd: true }), spaced)
  assert.equal(relay.written(), spaced + frame({ ...delta('b'), odd: false }) + spaced)
})

const owedUsage = { choices: [], usage: { prompt_tokens: 1 } }
const withUsageBeside = {
  everyChunk: true,
  openStream: () => ({
    owed: owedUsage,
    correct: (wire: object) => ('repeated' in wire ? ('nothing' as const) : ('same' as const)),
  }),
  reply: () => null,
}

test('what was said before is left out, and a usage that is owed comes last, to who asked for it', () => {
  for (const includeUsage of [true, false])
    for (const end of ['data: [DONE]\n\n', '']) {
      const relay = openRelay({ includeUsage }, withUsageBeside)
      push(relay, frame(delta('a')), frame(stop))
      void relay.pump()
      push(relay, frame({ ...delta('b'), repeated: true }), end)
      relay.stream.end()
      const owed = includeUsage ? frame(owedUsage) : ''
      assert.equal(relay.written(), `${frame(delta('a'))}${frame(stop)}${owed}data: [DONE]\n\n`)
    }
})
