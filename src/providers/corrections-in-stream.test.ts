import assert from 'node:assert/strict'
import test from 'node:test'
import type { JsonObject } from '../wire/json.ts'
import { compatible } from './compatible.ts'
import { correct, type StreamCorrection } from './corrections-of-row.ts'

const head = { id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm' }
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
const chunk = (delta: object, finish_reason: unknown = null, more: object = {}): JsonObject => ({
  ...head,
  choices: [{ index: 0, delta, finish_reason }],
  ...more,
})
const usageChunk = (counts: object = usage) => ({ ...head, choices: [], usage: counts })
const opened = (): StreamCorrection => correct([], { everyChunk: true }).openStream()

test('a stream that is as it should be passes as it is', () => {
  const corrector = opened()
  for (const wire of [
    chunk({ role: 'assistant', content: '' }),
    chunk({ content: 'a' }),
    chunk({}, 'stop'),
    usageChunk(),
  ])
    assert.equal(corrector.correct(wire), 'same')
  assert.equal(corrector.owed, null)
})

test('a role that comes in every chunk is said once, and one that never comes is added', () => {
  const corrector = opened()
  assert.equal(corrector.correct(chunk({ role: 'assistant', content: 'a' })), 'same')
  assert.deepEqual(
    corrector.correct(chunk({ role: 'assistant', content: 'b' })),
    chunk({ content: 'b' }),
  )
  assert.deepEqual(
    opened().correct(chunk({ content: 'a' })),
    chunk({ content: 'a', role: 'assistant' }),
  )
})

test('a finish that is repeated beside the usage is said once, and the usage comes last by itself', () => {
  const corrector = opened()
  const spoken = chunk({ role: 'assistant', content: '' }, 'stop')
  assert.equal(corrector.correct(spoken), 'same')
  assert.equal(corrector.correct({ ...spoken, usage }), 'nothing')
  assert.deepEqual(corrector.owed, usageChunk())
})

test('a usage beside the finish becomes a chunk of its own', () => {
  const corrector = opened()
  corrector.correct(chunk({ role: 'assistant', content: 'a' }))
  assert.deepEqual(corrector.correct(chunk({}, 'stop', { usage })), chunk({}, 'stop'))
  assert.deepEqual(corrector.owed, usageChunk())
})

test('of totals so far the last are owed, and none where the provider sends its own', () => {
  const corrector = opened()
  corrector.correct(
    chunk({ role: 'assistant', content: 'a' }, null, { usage: { prompt_tokens: 3 } }),
  )
  corrector.correct(chunk({ content: 'b' }, 'stop', { usage }))
  assert.deepEqual(corrector.owed, usageChunk())
  assert.equal(corrector.correct(usageChunk()), 'same')
  assert.equal(corrector.owed, null)
})

test('usage that is null is none', () => {
  const corrector = opened()
  assert.equal(corrector.correct(chunk({ role: 'assistant' }, null, { usage: null })), 'same')
  assert.equal(corrector.owed, null)
})

test('an answer with tool calls ends with them, whatever its provider says', () => {
  const corrector = opened()
  const call = { index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }
  corrector.correct(chunk({ role: 'assistant', tool_calls: [call] }))
  assert.deepEqual(corrector.correct(chunk({}, 'stop')), chunk({}, 'tool_calls'))
})

test('choices are told apart', () => {
  const corrector = opened()
  const wire = {
    ...head,
    choices: [0, 1].map((index) => ({ index, delta: { role: 'assistant' }, finish_reason: null })),
  }
  assert.equal(corrector.correct(wire), 'same')
  const ends = (index: number) => ({
    ...head,
    choices: [{ index, delta: {}, finish_reason: 'stop' }],
  })
  assert.equal(corrector.correct(ends(1)), 'same')
  assert.equal(corrector.correct(ends(0)), 'same')
  assert.equal(corrector.correct(ends(1)), 'nothing')
})

test('text that comes after the finish is not lost', () => {
  const corrector = opened()
  corrector.correct(chunk({ role: 'assistant' }, 'stop'))
  assert.deepEqual(
    corrector.correct(chunk({ content: 'late' }, 'stop')),
    chunk({ content: 'late' }),
  )
})

test('an envelope that is incomplete is filled in from the first', () => {
  const corrector = opened()
  corrector.correct(chunk({ role: 'assistant' }))
  const bare = { choices: [{ delta: { content: 'a' } }] }
  assert.deepEqual(corrector.correct(bare), chunk({ content: 'a' }))
})

const corrections = (type: string) => {
  const found = compatible.find((row) => row.type === type)?.chat.corrections
  assert.ok(found, type)
  return found as ReturnType<typeof correct>
}

test('Perplexity: one form of each choice, no totals in between, sources as annotations at the end', () => {
  const corrector = corrections('perplexity').openStream()
  const lists = {
    citations: ['https://a.example/', 'https://b.example/'],
    search_results: [{ url: 'https://b.example/', title: 'B' }],
  }
  const both = (delta: object, whole: string, more: object = {}) => ({
    ...head,
    ...lists,
    usage,
    choices: [{ index: 0, delta, message: { role: 'assistant', content: whole }, ...more }],
  })
  assert.deepEqual(corrector.correct(both({ role: 'assistant', content: 'Yes' }, 'Yes')), {
    ...head,
    ...lists,
    choices: [{ index: 0, delta: { role: 'assistant', content: 'Yes' }, finish_reason: null }],
  })
  const last = {
    ...both({ content: '' }, 'Yes[2].', { finish_reason: 'stop' }),
    object: 'chat.completion.done',
  }
  const cited = (url: string, title: string, start_index: number, end_index: number) => ({
    type: 'url_citation',
    url_citation: { start_index, end_index, url, title },
  })
  assert.deepEqual(corrector.correct(last), {
    ...head,
    ...lists,
    choices: [
      {
        index: 0,
        delta: {
          content: '',
          annotations: [
            cited('https://a.example/', '', 0, 0),
            cited('https://b.example/', 'B', 3, 6),
          ],
        },
        finish_reason: 'stop',
      },
    ],
  })
  assert.deepEqual(corrector.owed, { ...usageChunk(), ...lists })
})

test('Perplexity: a reply has its message alone, with annotations', () => {
  const reply = corrections('perplexity').reply({
    citations: ['https://a.example/'],
    choices: [
      { index: 0, message: { content: 'Yes[1]' }, delta: { content: '' }, finish_reason: 'stop' },
    ],
  })
  const url_citation = { start_index: 3, end_index: 6, url: 'https://a.example/', title: '' }
  assert.deepEqual(reply?.['choices'], [
    {
      index: 0,
      message: { content: 'Yes[1]', annotations: [{ type: 'url_citation', url_citation }] },
      finish_reason: 'stop',
    },
  ])
})

test('Mistral: thoughts in lists, a finish of its own, calls without a type', () => {
  const corrector = corrections('mistral').openStream()
  const call = { id: 'abcdefghi', function: { name: 'f', arguments: '{}' } }
  corrector.correct(chunk({ role: 'assistant', content: '' }))
  assert.deepEqual(corrector.correct(chunk({ tool_calls: [call] }, 'model_length', { usage })), {
    ...chunk({ tool_calls: [{ ...call, index: 0, type: 'function' }] }, 'length'),
  })
})

test('Together: its own finish, also where only the ends of the stream are read', () => {
  const corrector = corrections('together').openStream()
  corrector.correct(chunk({ role: 'assistant', content: 'a' }))
  assert.deepEqual(corrector.correct(chunk({}, 'eos')), chunk({}, 'stop'))
})

test('a reply that ends with stop though there are tool calls ends with them', () => {
  const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }
  const wire = { choices: [{ index: 0, message: { tool_calls: [call] }, finish_reason: 'stop' }] }
  const reply = corrections('ollama').reply(wire)
  assert.deepEqual(reply, {
    choices: [{ ...wire.choices[0], finish_reason: 'tool_calls' }],
  })
})

test('those whose streams deviate at their ends only are read there only', () => {
  for (const type of ['deepseek', 'together', 'fireworks'])
    assert.equal(corrections(type).everyChunk, false, type)
  for (const type of ['openrouter', 'ollama', 'perplexity', 'xai', 'mistral', 'groq'])
    assert.equal(corrections(type).everyChunk, true, type)
})
