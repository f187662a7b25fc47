import assert from 'node:assert/strict'
import test from 'node:test'
import { readClaudeModel } from './claude-model.ts'

const names = {
  'claude-3-haiku-20240307': ['none', 'no', 'free', 4096],
  'claude-3-5-sonnet-20241022': ['none', 'no', 'free', 8192],
  'claude-3-7-sonnet-latest': ['budget', 'no', 'free', 32_000],
  'claude-sonnet-4-20250514': ['budget', 'no', 'free', 32_000],
  'claude-opus-4-1-20250805': ['budget', 'no', 'one', 32_000],
  'claude-haiku-4-5@20251001': ['budget', 'no', 'one', 64_000],
  'us.anthropic.claude-sonnet-4-5-20250929-v1:0': ['budget', 'no', 'one', 64_000],
  'anthropic.claude-opus-4-6-v1': ['adaptive', 'no', 'one', 64_000],
  'claude-opus-4.7': ['adaptive', 'no', 'fixed', 64_000],
  'claude-sonnet-5': ['adaptive', 'yes', 'fixed', 128_000],
  'claude-haiku-5-5': ['adaptive', 'yes', 'fixed', 128_000],
  'claude-opus-5-5': ['adaptive', 'always', 'fixed', 128_000],
  'claude-fable-5': ['adaptive', 'always', 'fixed', 128_000],
  'claude-mythos-preview': ['adaptive', 'no', 'one', 64_000],
  'my-own-model': ['budget', 'no', 'free', 4096],
} as const

for (const [name, expected] of Object.entries(names))
  test(`the generation of ${name} is read off its name`, () => {
    const { thinking, thinksUnasked, sampling, defaultMaxTokens } = readClaudeModel(name)
    assert.deepEqual([thinking, thinksUnasked, sampling, defaultMaxTokens], expected)
  })

test('only newer models hold answers to a schema, and only some can be forced to call', () => {
  const format = (name: string): boolean => readClaudeModel(name).hasOutputFormat
  const force = (name: string): boolean => readClaudeModel(name).canForceTools
  assert.deepEqual(['claude-opus-4-1', 'claude-opus-4-5', 'x'].map(format), [false, true, false])
  assert.deepEqual(['claude-opus-5', 'claude-opus-5-5', 'claude-fable-5-1'].map(force), [
    true,
    false,
    false,
  ])
})
