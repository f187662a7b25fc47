import assert from 'node:assert/strict'
import test from 'node:test'
import type { ChatEvent } from '../core/chat.ts'
import type { StreamDecoder } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import type { StreamEnd } from './held-stream.ts'
import { TranslatedStream } from './translated-stream.ts'

const head: ChatEvent[] = [
  { type: 'start', id: 'a', createdAt: 1, model: 'm' },
  { type: 'role', choice: 0, role: 'assistant' },
]
const text: ChatEvent = { type: 'text-delta', choice: 0, text: 'Hi' }
const finish: ChatEvent = { type: 'finish', choice: 0, reason: 'stop' }
const usage: ChatEvent = {
  type: 'usage',
  usage: {
    inputTokens: 3,
    outputTokens: 1,
    cachedInputTokens: 0,
    reasoningTokens: 0,
    estimated: false,
  },
}
const broken = new GatewayError('upstream_error', 'the model fell over')

/** A provider whose every chunk is one of these. */
function open(script: readonly (readonly ChatEvent[])[], last: readonly ChatEvent[] = []) {
  const calls: string[] = []
  const ends: StreamEnd[] = []
  let [written, at] = ['', 0]
  const ending = [last]
  const decoder: StreamDecoder<ChatEvent> = {
    push: () => script[at++] ?? [],
    end: () => ending.pop() ?? [],
  }
  const hooks = {
    onReady: () => calls.push('ready'),
    onEvent: () => calls.push('event'),
    onFinished: (end: StreamEnd) => void ends.push(end),
    onPause: () => calls.push('pause'),
    onResume: () => calls.push('resume'),
  }
  const explain = (error: GatewayError): GatewayError =>
    new GatewayError(error.code, `explained: ${error.message}`, error.facts)
  const stream = new TranslatedStream(hooks, { includeUsage: false, choices: 1, explain }, decoder)
  return {
    stream,
    calls,
    ends,
    written: () => written,
    next: () => stream.push(Buffer.from('x')),
    pump: () => {
      const sink = {
        write(bytes: Uint8Array) {
          written += Buffer.from(bytes).toString()
          return true
        },
      }
      return stream.pump(sink)
    },
  }
}

test("an envelope alone is held, and what fails after it is still the attempt's own error", () => {
  const { stream, next, calls, ends } = open([head, [{ type: 'error', error: broken }]])
  next()
  assert.deepEqual(calls, [])
  next()
  assert.equal(ends[0]?.error, broken)
  stream.end()
  assert.equal(ends.length, 1)
})

test('the first word lets everything go, in order, and the end adds [DONE] and no usage', async () => {
  const { stream, next, calls, written, pump, ends } = open([head, [text], [finish]], [usage])
  next()
  next()
  assert.deepEqual(calls, ['event', 'ready'])
  const over = pump()
  next()
  stream.end()
  assert.deepEqual(await over, { error: null })
  assert.match(written(), /"role":"assistant".*"Hi".*"finish_reason":"stop".*data: \[DONE\]\n\n$/s)
  assert.doesNotMatch(written(), /prompt_tokens/)
  assert.equal(stream.usage?.inputTokens, 3)
  assert.equal(stream.dataEvents, 1)
  assert.equal(ends.length, 1)
})

test('what breaks after the first word is explained, in its place, without [DONE]', async () => {
  const { next, written, pump } = open([
    [...head, text],
    [text, { type: 'error', error: broken }],
  ])
  next()
  const over = pump()
  next()
  assert.equal((await over).error?.message, 'explained: the model fell over')
  assert.equal(written().match(/"Hi"/g)?.length, 2)
  assert.doesNotMatch(written(), /DONE/)
})

test('a time limit from outside keeps what was told of the usage', () => {
  const { stream, next, ends } = open([[...head, text]], [usage, { type: 'error', error: broken }])
  next()
  stream.fail(new GatewayError('upstream_timeout', 'too late'))
  assert.equal(stream.usage?.outputTokens, 1)
  assert.equal(ends[0]?.error?.code, 'upstream_timeout')
})

test('a stream that ends well and says nothing at all is no answer', () => {
  const { stream, next, ends } = open([head])
  next()
  stream.end()
  assert.equal(ends[0]?.error?.code, 'upstream_invalid_response')
})
