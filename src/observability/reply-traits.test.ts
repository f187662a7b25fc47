import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallTrace } from '../core/trace.ts'
import { seeReply, watchReply } from './reply-traits.ts'

const trace = (sampled = true): CallTrace => ({
  ...{ traceId: 't', parentId: null, spanId: 's', sampled, state: '' },
  ...{ submit: null, request: null, reply: null },
})
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const frame = (value: object): Buffer => Buffer.from(`data: ${JSON.stringify(value)}\n\n`)

test('a whole answer tells its id, its model and how each choice ended', () => {
  const call = trace()
  const choices = [{ finish_reason: 'stop' }, { finish_reason: 'length' }]
  seeReply(call, json({ id: 'c-1', model: 'gpt-4o-2024', choices }), 'json')
  assert.deepEqual(call.reply, {
    ...{ id: 'c-1', model: 'gpt-4o-2024', finishReasons: ['stop', 'length'] },
  })
})

test('a stream tells the same, whatever its content says', () => {
  const call = trace()
  const watch = watchReply(call)
  assert.ok(watch)
  watch(Buffer.from(': waiting\n'))
  const chunk = (delta: object, finish_reason: string | null = null): Buffer =>
    frame({ id: 'c-2', model: 'm', choices: [{ index: 0, delta, finish_reason }] })
  watch(chunk({ role: 'assistant' }))
  watch(chunk({ content: '{"finish_reason": "faked"}, "finish_reason":"faked"' }))
  watch(Buffer.concat([chunk({ content: 'x' }), chunk({}, 'tool_calls')]))
  watch(Buffer.from('data: [DONE]\n\n'))
  assert.deepEqual(call.reply, { id: 'c-2', model: 'm', finishReasons: ['tool_calls'] })
})

test('spaces behind the name do no harm', () => {
  const call = trace()
  watchReply(call)?.(Buffer.from('data: {"id": "c", "choices": [{"finish_reason" : "stop"}]}\n\n'))
  assert.deepEqual(call.reply, { id: 'c', model: null, finishReasons: ['stop'] })
})

test('what is no answer, or says the wrong things, leaves nothing', () => {
  for (const body of [
    '',
    '{',
    'null',
    '[]',
    '{"id":1,"model":{},"choices":[null,{"finish_reason":2}]}',
  ]) {
    const call = trace()
    seeReply(call, Buffer.from(body), 'json')
    assert.deepEqual(call.reply, { id: null, model: null, finishReasons: [] }, body)
  }
})

test('nothing is looked at in a trace that is not kept, nor in what is very large', () => {
  const unkept = trace(false)
  seeReply(unkept, json({ id: 'c' }), 'json')
  assert.equal(watchReply(unkept), null)
  assert.equal(unkept.reply, null)
  const large = trace()
  seeReply(large, json({ id: 'c', choices: [], more: 'x'.repeat(300_000) }), 'json')
  assert.equal(large.reply, null)
})

test('a stream of many choices keeps a bounded list', () => {
  const call = trace()
  const watch = watchReply(call)
  for (let i = 0; i < 1000; i++) watch?.(frame({ choices: [{ finish_reason: 'stop' }] }))
  assert.equal(call.reply?.finishReasons.length, 128)
})
