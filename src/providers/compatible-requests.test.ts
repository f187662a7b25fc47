import assert from 'node:assert/strict'
import test from 'node:test'
import { requestRules, scanJson } from '../wire/json-scan.ts'
import { spliceJson } from '../wire/json-splice.ts'
import { lookAtChat } from '../wire/openai-chat/look.ts'
import { compatible } from './compatible.ts'

/** The body as it goes to the vendor, but for what the gateway itself changes. */
function sent(type: string, fields: object): Record<string, unknown> {
  const body = { model: 'm', messages: [{ role: 'user', content: 'x' }], ...fields }
  const bytes = Buffer.from(JSON.stringify(body))
  const look = lookAtChat(bytes, scanJson(bytes, requestRules), false)
  const edits = compatible.find((row) => row.type === type)?.chat.edits?.(look) ?? []
  return JSON.parse(spliceJson(bytes, look.fields, edits).toString()) as Record<string, unknown>
}
const call = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })
const asked = (id: string) => ({ role: 'assistant', content: null, tool_calls: [call(id)] })
const answered = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'x' })

test("Mistral: another provider's ids become nine letters or digits, and the result stays with its call", () => {
  const messages = [
    asked('call_abc-1'),
    answered('call_abc-1'),
    asked('toolu_2'),
    answered('toolu_2'),
  ]
  const found = sent('mistral', { messages })['messages'] as [
    ReturnType<typeof asked>,
    ReturnType<typeof answered>,
    ReturnType<typeof asked>,
    ReturnType<typeof answered>,
  ]
  assert.match(found[1].tool_call_id, /^[a-zA-Z0-9]{9}$/)
  assert.equal(found[0].tool_calls[0]?.id, found[1].tool_call_id)
  assert.equal(found[2].tool_calls[0]?.id, found[3].tool_call_id)
  assert.notEqual(found[1].tool_call_id, found[3].tool_call_id)
})

test('Mistral: its own ids are left, byte for byte', () => {
  const messages = [asked('g6fVbXS8K'), answered('g6fVbXS8K')]
  const bytes = Buffer.from(JSON.stringify({ model: 'm', messages }))
  const look = lookAtChat(bytes, scanJson(bytes, requestRules), false)
  const edits = compatible.find((row) => row.type === 'mistral')?.chat.edits?.(look) ?? []
  assert.equal(
    edits.some((edit) => edit.name === 'messages'),
    false,
  )
})

test('Mistral: what an answer brought along and Mistral does not know stays away, where it says nothing', () => {
  const kept = { role: 'assistant', content: 'a' }
  const given = {
    ...kept,
    refusal: null,
    annotations: [],
    audio: null,
    function_call: null,
    reasoning_content: 'Hm.',
  }
  assert.deepEqual(sent('mistral', { messages: [given] })['messages'], [kept])
  const refusal = { ...kept, refusal: 'No.' }
  assert.deepEqual(sent('mistral', { messages: [refusal] })['messages'], [refusal])
})

test('the newer token limit and the newer role are said in the older words', () => {
  for (const type of ['mistral', 'deepseek', 'perplexity', 'ollama']) {
    const messages = [{ role: 'developer', content: 'Be brief.' }]
    const found = sent(type, { messages, max_tokens: 1, max_completion_tokens: 2 })
    assert.deepEqual(found['messages'], [{ role: 'system', content: 'Be brief.' }], type)
    assert.equal(found['max_tokens'], 2, type)
    assert.equal('max_completion_tokens' in found, false, type)
  }
  assert.equal(sent('groq', { max_completion_tokens: 2 })['max_completion_tokens'], 2)
})

test('a word in the text is no role', () => {
  const messages = [{ role: 'user', content: 'Say "developer".' }]
  assert.deepEqual(sent('deepseek', { messages })['messages'], messages)
})
