import assert from 'node:assert/strict'
import test from 'node:test'
import { joinContentLists, rewriteChoices } from './corrections.ts'

const thinking = (text: string) => ({ type: 'thinking', thinking: [{ type: 'text', text }] })
const text = (of: string) => ({ type: 'text', text: of })

test('a list of parts becomes text, with the thinking beside it', () => {
  for (const where of ['delta', 'message']) {
    const content = [thinking('Let '), thinking('me.'), text('4'), text('2')]
    const wire = { id: 'x', choices: [{ index: 0, [where]: { role: 'assistant', content } }] }
    assert.deepEqual(joinContentLists(wire), {
      id: 'x',
      choices: [
        { index: 0, [where]: { role: 'assistant', content: '42', reasoning_content: 'Let me.' } },
      ],
    })
  }
})

test('without thinking there is no word of reasoning, and an empty list is an empty text', () => {
  const join = (content: unknown) =>
    joinContentLists({ choices: [{ index: 0, delta: { content } }] })?.['choices']
  assert.deepEqual(join([text('a')]), [{ index: 0, delta: { content: 'a' } }])
  assert.deepEqual(join([]), [{ index: 0, delta: { content: '' } }])
  assert.deepEqual(join([{ type: 'reference', reference_ids: [1] }, 7, null]), [
    { index: 0, delta: { content: '' } },
  ])
})

test('what does not deviate is left as it is', () => {
  for (const wire of [
    {},
    { choices: [] },
    { choices: 'x' },
    { choices: [null, 7] },
    { choices: [{ index: 0, delta: { content: 'text' } }] },
    { choices: [{ index: 0, message: { content: null } }] },
    { choices: [{ index: 0 }] },
  ])
    assert.equal(joinContentLists(wire), null, JSON.stringify(wire))
})

test('only the choices that deviate are rewritten', () => {
  const plain = { index: 0, finish_reason: 'stop' }
  const wire = { choices: [plain, { index: 1, finish_reason: 'eos' }], usage: { a: 1 } }
  const found = rewriteChoices(wire, (choice) =>
    choice['finish_reason'] === 'eos' ? { ...choice, finish_reason: 'stop' } : null,
  )
  assert.deepEqual(found, {
    choices: [plain, { index: 1, finish_reason: 'stop' }],
    usage: { a: 1 },
  })
  assert.equal((found as { choices: unknown[] }).choices[0], plain)
})
