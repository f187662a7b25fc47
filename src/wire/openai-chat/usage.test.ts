import assert from 'node:assert/strict'
import test from 'node:test'
import { decodeChunkUsage, decodeUsage } from './usage.ts'

test('cached tokens are found under every name they have', () => {
  for (const named of [
    { prompt_tokens_details: { cached_tokens: 2 } },
    { prompt_cache_hit_tokens: 2, prompt_cache_miss_tokens: 3 },
    { num_cached_tokens: 2 },
    { cached_tokens: 2 },
  ])
    assert.equal(
      decodeUsage({ prompt_tokens: 5, completion_tokens: 1, ...named })?.cachedInputTokens,
      2,
    )
})

test('what is no count is none, and nothing is invented', () => {
  assert.equal(decodeUsage({ prompt_tokens: '5', completion_tokens: null }), null)
  assert.equal(decodeUsage({ prompt_tokens: 5, cached_tokens: -1 })?.cachedInputTokens, 0)
})

test("a chunk's own counts go before Groq's beside them", () => {
  const groq = { x_groq: { usage: { prompt_tokens: 1 } } }
  assert.equal(decodeChunkUsage(groq)?.inputTokens, 1)
  assert.equal(decodeChunkUsage({ ...groq, usage: { prompt_tokens: 2 } })?.inputTokens, 2)
})
