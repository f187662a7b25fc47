import assert from 'node:assert/strict'
import test from 'node:test'
import { fc } from '../../tests/support/properties.ts'
import { fitsAny, fitsPattern } from './pattern.ts'

test('a star stands for any characters, none and line ends included', () => {
  for (const [pattern, name, fits] of [
    ['gpt-4o', 'gpt-4o', true],
    ['gpt-4o', 'gpt-4o-mini', false],
    ['gpt-4o', 'GPT-4o', false],
    ['*', '', true],
    ['*', 'a/b\nc', true],
    ['openai/*', 'openai/', true],
    ['openai/*', 'openai/gpt/4', true],
    ['openai/*', 'openai', false],
    ['*-mini', 'gpt-4o-mini', true],
    ['*-mini', 'gpt-4o-mini-x', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a**b', 'axb', true],
    ['*a*b*', 'xxaxxbxx', true],
    ['*a*b*', 'xxbxxaxx', false],
    ['a*bc*c', 'abc', false],
    ['gpt.4', 'gptx4', false],
    ['(a|b)+$', 'a', false],
    ['', '', true],
    ['', 'a', false],
  ] as const)
    assert.equal(fitsPattern(pattern, name), fits, `${pattern} ${name}`)
})

test('it decides as a regular expression would', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 6 })
  const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 })
  fc.assert(
    fc.property(letters, name, (pattern, text) => {
      const expected = new RegExp(`^${pattern.replace(/\*+/g, '.*')}$`, 's').test(text)
      assert.equal(fitsPattern(pattern, text), expected)
    }),
    { numRuns: 2000 },
  )
})

test('any of several patterns is enough, and none is not', () => {
  assert.equal(fitsAny(['x', 'open*'], 'openai'), true)
  assert.equal(fitsAny(['x', 'y'], 'openai'), false)
  assert.equal(fitsAny([], 'openai'), false)
})
