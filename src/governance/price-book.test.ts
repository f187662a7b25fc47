import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { nanosOf } from '../core/money.ts'
import type { Price } from '../core/price.ts'
import { PriceBook } from './price-book.ts'
import { catalogueName, publishedPrice } from './price-catalogue.ts'

const at = Date.UTC(2026, 10, 1)
const flat = (dollars: number, source: string): Price => ({
  input: { base: nanosOf(dollars), tiers: [] },
  output: { base: nanosOf(dollars), tiers: [] },
  cachedInput: null,
  cacheWrite: null,
  audioInput: null,
  audioOutput: null,
  perRequest: 0,
  source,
})
const asked = (provider: string, type: string, model: string, upstreamModel = model) => ({
  provider,
  type,
  model,
  upstreamModel,
})

test('the catalogue is named after the release that is installed', () => {
  const url = new URL(import.meta.resolve('@pydantic/genai-prices'))
  const { version } = JSON.parse(readFileSync(new URL('../package.json', url), 'utf8'))
  assert.equal(catalogueName, `genai-prices ${version}`)
})

test('well-known models have a published price at every kind of provider that has published ones', () => {
  for (const [type, model] of [
    ['openai', 'gpt-4o-mini'],
    ['azure', 'gpt-4o'],
    ['anthropic', 'claude-sonnet-4-5'],
    ['gemini', 'gemini-2.5-pro'],
    ['vertex', 'gemini-2.5-flash'],
    ['vertex', 'claude-sonnet-4-5'],
    ['bedrock', 'anthropic.claude-3-5-sonnet-20241022-v2:0'],
    ['mistral', 'mistral-large-latest'],
    ['groq', 'llama-3.3-70b-versatile'],
    ['cohere', 'command-r-plus'],
    ['deepseek', 'deepseek-chat'],
    ['xai', 'grok-4'],
    ['openrouter', 'openai/gpt-4o'],
    ['perplexity', 'sonar'],
    ['together', 'meta-llama/Llama-3.3-70B-Instruct-Turbo'],
    ['cerebras', 'llama3.1-8b'],
  ] as const) {
    const price = publishedPrice(type, model, at)
    assert.ok(price && price.input.base > 0 && price.output.base > 0, `${type}/${model}`)
    assert.match(price.source, /^genai-prices .*: /)
  }
})

test('a prompt that is dearer when it is large keeps its tiers', () => {
  const price = publishedPrice('gemini', 'gemini-2.5-pro', at)
  assert.equal(price?.input.base, nanosOf(1.25))
  assert.deepEqual(price?.input.tiers, [{ start: 200_000, price: nanosOf(2.5) }])
})

test("the operator's price beats the published one, from its day on", () => {
  const own = new Map([
    [
      'openai/gpt-4o',
      [
        { from: 0, price: flat(1, 'old') },
        { from: at, price: flat(2, 'new') },
      ],
    ],
  ])
  const book = new PriceBook(own, publishedPrice)
  const gpt4o = asked('openai', 'openai', 'gpt-4o')
  assert.equal(book.priceOf(gpt4o, at - 1)?.source, 'old')
  assert.equal(book.priceOf(gpt4o, at)?.source, 'new')
  assert.match(book.priceOf(asked('other', 'openai', 'gpt-4o'), at)?.source ?? '', /genai-prices/)
})

test('a deployment is priced by the model that was asked for, or by its own name', () => {
  const own = new Map([['azure/my-deployment', [{ from: 0, price: flat(3, 'own') }]]])
  const book = new PriceBook(own, publishedPrice)
  assert.match(
    book.priceOf(asked('azure', 'azure', 'gpt-4o', 'prod-eu'), at)?.source ?? '',
    /gpt-4o/,
  )
  assert.equal(book.priceOf(asked('azure', 'azure', 'small', 'my-deployment'), at)?.source, 'own')
})

test("what runs on one's own machine is free, and what nobody knows has no price", () => {
  const book = new PriceBook(new Map(), publishedPrice)
  assert.equal(book.priceOf(asked('ollama', 'ollama', 'llama3'), at)?.source, 'local')
  assert.equal(book.priceOf(asked('x', 'openai-compatible', 'gpt-4o'), at), null)
  assert.equal(book.priceOf(asked('openai', 'openai', 'gpt-99-imaginary'), at), null)
  assert.equal(book.priceOf(asked('x', 'constructor', 'gpt-4o'), at), null)
})

test('within a minute the catalogue is asked once for a model, and memory is bounded', () => {
  let asks = 0
  const book = new PriceBook(new Map(), () => {
    asks++
    return null
  })
  for (let call = 0; call < 100; call++) book.priceOf(asked('a', 'b', 'c'), at + call)
  assert.equal(asks, 2)
  for (let model = 0; model < 25_000; model++) book.priceOf(asked('a', 'b', `m${model}`), at)
  assert.ok(asks > 25_000)
})
