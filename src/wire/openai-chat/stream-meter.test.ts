import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { GatewayError } from '../../core/errors.ts'
import { SseFramer } from '../sse.ts'
import { StreamMeter } from './stream-meter.ts'

const streams = path.join(import.meta.dirname, '../../../tests/fixtures/openai-chat/streams')

function watch(name: string, readAll = false) {
  const meter = new StreamMeter(readAll)
  const sightings = new SseFramer()
    .push(readFileSync(path.join(streams, `${name}.sse`)))
    .map(({ data }) => meter.see(data))
  return { meter, sightings }
}

const chunk = (choices: readonly object[], more: object = {}): string =>
  JSON.stringify({ id: 'x', object: 'chat.completion.chunk', choices, ...more })
const text = (content: string, index = 0) => chunk([{ index, delta: { content } }])
const finish = (index = 0, reason: string | null = 'stop') =>
  chunk([{ index, delta: {}, finish_reason: reason }])

const whole = [
  'plain',
  'tools',
  'parallel-tools',
  'custom-tool',
  'refusal',
  'deepseek-reasoning',
  'audio',
  'two-choices',
  'length',
  'azure',
  'content-filter',
  'groq',
  'perplexity',
  'openrouter',
  'mistral-content-list',
  'mistral-tool',
  'xai',
  'ollama',
  'snowflake-empty-finish',
  'legacy-function-call',
]
for (const name of whole)
  test(`"${name}" is seen to be whole`, () => {
    for (const readAll of [true, false]) {
      const { meter, sightings } = watch(name, readAll)
      assert.equal(meter.finished, true)
      assert.ok(!sightings.some((each) => each instanceof GatewayError))
    }
  })

test('a cut stream is not whole, and neither is one of which a choice is open', () => {
  assert.equal(watch('truncated').meter.finished, false)
  assert.equal(watch('two-choices-one-open', true).meter.finished, false)
  assert.equal(new StreamMeter(false).finished, false)
})

test('a finish without [DONE] is an end, and [DONE] without a finish as well', () => {
  const finished = new StreamMeter(false)
  finished.see(text('a'))
  assert.equal(finished.finished, false)
  finished.see(finish())
  assert.equal(finished.finished, true)
  const done = new StreamMeter(false)
  done.see(text('a'))
  assert.equal(done.see('[DONE]'), 'done')
  assert.equal(done.finished, true)
})

test('with several choices each that began must finish', () => {
  const meter = new StreamMeter(true)
  for (const data of [text('a', 0), text('b', 1), finish(0)]) meter.see(data)
  assert.equal(meter.finished, false)
  meter.see(finish(1))
  assert.equal(meter.finished, true)
  // What is repeated after its finish does not open it again.
  meter.see(text('', 1))
  assert.equal(meter.finished, true)
})

test('an empty finish reason is none', () => {
  const meter = new StreamMeter(true)
  meter.see(finish(0, ''))
  meter.see(finish(0, null))
  assert.equal(meter.finished, false)
})

test('usage is found wherever a provider puts it, and the last one counts', () => {
  const counts = (name: string) => {
    const { usage } = watch(name).meter
    return usage && [usage.inputTokens, usage.outputTokens, usage.cachedInputTokens]
  }
  assert.deepEqual(counts('plain'), [12, 3, 8])
  assert.deepEqual(counts('groq'), [72, 28, 0])
  assert.deepEqual(counts('perplexity'), [6, 3, 0])
  assert.deepEqual(counts('openrouter'), [14, 4, 0])
  assert.deepEqual(counts('deepseek-reasoning'), [9, 20, 5])
  assert.deepEqual(counts('mistral-content-list'), [10, 30, 4])
  assert.equal(counts('tools'), null)
})

test('only the chunk that is nothing but usage is called so', () => {
  assert.equal(watch('plain').sightings.filter((each) => each === 'usage').length, 1)
  for (const name of ['openrouter', 'perplexity', 'mistral-tool', 'groq'])
    assert.ok(!watch(name).sightings.includes('usage'), name)
  // Azure's first chunk has no choices either, but tells of the filter.
  assert.equal(watch('azure').sightings[0], 'nothing')
})

test('comments, empty events and chunks without choices are nothing', () => {
  const meter = new StreamMeter(false)
  for (const data of [null, '', '  ', '{}', '{"choices":[]}', '{"choices":[],"usage":null}'])
    assert.equal(meter.see(data), 'nothing', String(data))
  assert.equal(meter.dataEvents, 0)
  assert.equal(watch('openrouter').sightings[0], 'nothing')
})

test('a role alone is already something', () => {
  const meter = new StreamMeter(false)
  assert.equal(meter.see(chunk([{ index: 0, delta: { role: 'assistant' } }])), 'data')
})

test('a failure inside the stream is an error with the words of the provider', () => {
  const last = (name: string) => watch(name).sightings.at(-1) as GatewayError
  assert.equal(last('groq-tool-use-failed').code, 'upstream_rejected')
  assert.match(last('openrouter-error').message, /upstream connect error/)
  assert.equal(last('finish-is-error').code, 'upstream_error')
  assert.equal(watch('finish-is-error').meter.usage?.outputTokens, 1)
  assert.equal(watch('finish-is-error').meter.finished, false)
  assert.equal(last('not-json').code, 'upstream_invalid_response')
  const meter = new StreamMeter(false)
  meter.see(text('a'))
  assert.ok(meter.see('{"error":"overloaded"}') instanceof GatewayError)
})

test('text passes by unread once the stream has begun, what tells something never', () => {
  const meter = new StreamMeter(false)
  meter.see(text('first'))
  assert.notEqual(meter.read, null)
  assert.equal(meter.see(text('a "finish_reason": "stop" and a "usage": {} in the text')), 'data')
  assert.equal(meter.read, null)
  assert.equal(meter.finished, false)
  for (const telling of [
    finish(),
    '{"choices":[],"usage" : {"prompt_tokens":1}}',
    '{"choices":[{"index":0,"delta":{}}],"usage":\n{"prompt_tokens":1}}',
  ]) {
    meter.see(telling)
    assert.notEqual(meter.read, null, telling)
  }
  for (const silent of [
    finish(0, null),
    '{"usage": null,"choices":[{"delta":{},"finish_reason": null}]}',
  ]) {
    assert.equal(meter.see(silent), 'data')
    assert.equal(meter.read, null, silent)
  }
  assert.equal(meter.dataEvents, 6)
})

test('a meter that reads all has every event at hand to correct it', () => {
  const meter = new StreamMeter(true)
  for (const content of ['a', 'b']) {
    meter.see(text(content))
    assert.deepEqual(meter.read?.['choices'], [{ index: 0, delta: { content } }])
  }
})

test('passing by sees the same usage and the same end as reading all', () => {
  for (const name of whole) {
    const [all, some] = [watch(name, true).meter, watch(name, false).meter]
    assert.deepEqual(some.usage, all.usage, name)
    assert.equal(some.dataEvents, all.dataEvents, name)
  }
})
