import assert from 'node:assert/strict'
import test from 'node:test'
import { fc } from '../../tests/support/properties.ts'
import {
  countTokens,
  type DemoAnswer,
  splitTokens,
  streamScript,
  wholeScript,
} from './demo-script.ts'

const answer: DemoAnswer = {
  id: 'chatcmpl-1',
  createdAt: 1,
  model: 'hello',
  choices: [{ content: 'one two', toolCalls: [], finishReason: 'stop' }],
  promptTokens: 3,
  firstAfterMs: 5,
  tokenMs: 7,
  end: 'end',
}

test('splitting into tokens loses nothing, and counting agrees with it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(' ', '\n', 'a', 'longer words', '🙂', '\ud83d')),
      (parts) => {
        const text = parts.join('')
        const tokens = splitTokens(text)
        assert.equal(tokens.join(''), text)
        assert.equal(countTokens(text), tokens.length)
        assert.ok(tokens.every((token) => [...token.trim()].length <= 8))
      },
    ),
  )
})

test('only the first frame and the tokens of a stream are waited for', () => {
  const pauses = streamScript(answer, true).frames.map((frame) => frame.afterMs)
  // Role, two tokens, the finish, the usage, [DONE].
  assert.deepEqual(pauses, [5, 7, 7, 0, 0, 0])
  assert.deepEqual(
    wholeScript(answer).frames.map((frame) => frame.afterMs),
    [5],
  )
})

test('several choices of different length each get their own finish once', () => {
  const choices = [
    { content: 'a', toolCalls: [], finishReason: 'stop' },
    { content: 'a b c d', toolCalls: [], finishReason: 'length' },
  ] as const
  const text = streamScript({ ...answer, choices }, false)
    .frames.map((frame) => new TextDecoder().decode(frame.bytes))
    .join('')
  assert.equal(text.match(/"finish_reason":"stop"/g)?.length, 1)
  assert.equal(text.match(/"finish_reason":"length"/g)?.length, 1)
})
