import assert from 'node:assert/strict'
import test from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import {
  type ChoiceStep,
  completeFinish,
  completeToolCalls,
  inTurn,
  joinContentLists,
  nameReasoning,
  renameFinish,
  rewriteChoices,
} from './corrections.ts'

const thinking = (text: string) => ({ type: 'thinking', thinking: [{ type: 'text', text }] })
const text = (of: string) => ({ type: 'text', text: of })
const inDelta = (step: ChoiceStep, choice: object): unknown =>
  step(choice as JsonObject, 'delta', { id: 'x' })
const inReply = (step: ChoiceStep, choice: object): unknown =>
  step(choice as JsonObject, 'message', { id: 'x' })

test('a list of parts becomes text, with the thinking beside it', () => {
  for (const where of ['delta', 'message'] as const) {
    const content = [thinking('Let '), thinking('me.'), text('4'), text('2')]
    const choice = { index: 0, [where]: { role: 'assistant', content } }
    assert.deepEqual(joinContentLists(choice, where, {}), {
      index: 0,
      [where]: { role: 'assistant', content: '42', reasoning_content: 'Let me.' },
    })
  }
})

test('without thinking there is no word of reasoning, and an empty list is an empty text', () => {
  const join = (content: unknown) => inDelta(joinContentLists, { index: 0, delta: { content } })
  assert.deepEqual(join([text('a')]), { index: 0, delta: { content: 'a' } })
  assert.deepEqual(join([]), { index: 0, delta: { content: '' } })
  assert.deepEqual(join([{ type: 'reference', reference_ids: [1] }, 7, null]), {
    index: 0,
    delta: { content: '' },
  })
})

test('reasoning gets the name most clients know, and keeps its own', () => {
  const delta = { reasoning: 'Hm.', reasoning_details: [{}] }
  assert.deepEqual(inDelta(nameReasoning, { delta }), {
    delta: { ...delta, reasoning_content: 'Hm.' },
  })
  for (const fine of [{ reasoning: '' }, { reasoning: null }, { content: 'a' }])
    assert.equal(inDelta(nameReasoning, { delta: fine }), null)
  assert.equal(inDelta(nameReasoning, { delta: { ...delta, reasoning_content: 'Mm.' } }), null)
})

test('a finish reason is there in every chunk, and in a whole answer never null', () => {
  assert.deepEqual(inDelta(completeFinish, { delta: {} }), { delta: {}, finish_reason: null })
  assert.deepEqual(inDelta(completeFinish, { finish_reason: '' }), { finish_reason: null })
  assert.equal(inDelta(completeFinish, { finish_reason: null }), null)
  assert.deepEqual(inReply(completeFinish, { finish_reason: null }), { finish_reason: 'stop' })
  assert.equal(inReply(completeFinish, { finish_reason: 'length' }), null)
})

test('a call that begins has an id, a type and a number; one that goes on only a number', () => {
  const body = { name: 'f', arguments: '' }
  const choice = {
    index: 1,
    delta: { tool_calls: [{ function: body }, { id: 'own', function: body }] },
  }
  assert.deepEqual(inDelta(completeToolCalls, choice), {
    index: 1,
    delta: {
      tool_calls: [
        { function: body, index: 0, id: 'call_x_1_0', type: 'function' },
        { id: 'own', function: body, index: 1, type: 'function' },
      ],
    },
  })
  const more = { index: 0, function: { arguments: '{' } }
  assert.equal(inDelta(completeToolCalls, { delta: { tool_calls: [more] } }), null)
})

test('calls that are null are no member', () => {
  assert.deepEqual(inReply(completeToolCalls, { message: { content: 'a', tool_calls: null } }), {
    message: { content: 'a' },
  })
})

test('what does not deviate is left as it is', () => {
  const all = inTurn(joinContentLists, nameReasoning, completeFinish, completeToolCalls)
  for (const choice of [
    { index: 0, delta: { content: 'text' }, finish_reason: null },
    { index: 0, finish_reason: null },
  ])
    assert.equal(inDelta(all, choice), null, JSON.stringify(choice))
  assert.equal(inReply(all, { message: { content: null }, finish_reason: 'stop' }), null)
  for (const wire of [{}, { choices: [] }, { choices: 'x' }, { choices: [null, 7] }])
    assert.equal(
      rewriteChoices(wire, () => ({})),
      null,
    )
})

test('steps see what the steps before them made', () => {
  const step = inTurn(renameFinish({ a: 'b' }), renameFinish({ b: 'c' }))
  assert.deepEqual(inReply(step, { finish_reason: 'a' }), { finish_reason: 'c' })
})

test('only the choices that deviate are rewritten', () => {
  const plain = { index: 0, finish_reason: 'stop' }
  const wire = { choices: [plain, { index: 1, finish_reason: 'eos' }], usage: { a: 1 } }
  const eos = renameFinish({ eos: 'stop' })
  const found = rewriteChoices(wire, (choice) => eos(choice, 'delta', wire))
  assert.deepEqual(found, {
    choices: [plain, { index: 1, finish_reason: 'stop' }],
    usage: { a: 1 },
  })
  assert.equal((found as { choices: unknown[] }).choices[0], plain)
})
