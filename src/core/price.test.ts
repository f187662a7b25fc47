import assert from 'node:assert/strict'
import test from 'node:test'
import type { Usage } from './chat.ts'
import { dollarsText, nanosOf } from './money.ts'
import { costOf, mostOf, type Price } from './price.ts'

const flat = (dollars: number) => ({ base: nanosOf(dollars), tiers: [] })
const price: Price = {
  input: flat(2.5),
  output: flat(10),
  cachedInput: flat(1.25),
  cacheWrite: flat(3.125),
  audioInput: flat(40),
  audioOutput: null,
  perRequest: 0,
  source: 'test',
}
const usage = (given: Partial<Usage>): Usage => ({
  inputTokens: 0,
  outputTokens: 0,
  cachedInputTokens: 0,
  reasoningTokens: 0,
  estimated: false,
  ...given,
})

test('every kind of token has its price, and is counted once', () => {
  const cost = costOf(
    usage({
      inputTokens: 1_000_000,
      cachedInputTokens: 400_000,
      cacheWriteTokens: 100_000,
      audioInputTokens: 10_000,
      outputTokens: 1000,
      reasoningTokens: 900,
      audioOutputTokens: 100,
    }),
    price,
  )
  // 490,000 plain, 400,000 cached, 100,000 written, 10,000 heard, and 1,000 out, spoken ones at the plain price.
  assert.equal(dollarsText(cost), dollarsText(nanosOf(1.225 + 0.5 + 0.3125 + 0.4 + 0.01)))
})

test('a million calls of five hundred-thousandths of a dollar are exactly fifty dollars', () => {
  const one = costOf(usage({ inputTokens: 20 }), price)
  assert.equal(one, 50_000)
  let sum = 0
  for (let call = 0; call < 1_000_000; call++) sum += one
  assert.equal(dollarsText(sum), '50.00')
})

test('less than a nano-dollar is rounded once, at the end', () => {
  const cheap = { ...price, input: { base: 400, tiers: [] }, cachedInput: null }
  assert.equal(costOf(usage({ inputTokens: 1249 }), cheap), 0)
  assert.equal(costOf(usage({ inputTokens: 1250 }), cheap), 1)
  assert.equal(costOf(usage({ inputTokens: 2500, cachedInputTokens: 1250 }), cheap), 1)
})

test('a large prompt has the price of its tier, for the answer as well', () => {
  const tiered = {
    ...price,
    input: { base: nanosOf(1.25), tiers: [{ start: 200_000, price: nanosOf(2.5) }] },
    output: { base: nanosOf(10), tiers: [{ start: 200_000, price: nanosOf(15) }] },
  }
  assert.equal(costOf(usage({ inputTokens: 200_000, outputTokens: 100 }), tiered), nanosOf(0.251))
  assert.equal(
    costOf(usage({ inputTokens: 200_001, outputTokens: 100 }), tiered),
    nanosOf(0.5000025 + 0.0015),
  )
})

test('counts that contradict each other never cost less than nothing', () => {
  const odd = usage({ inputTokens: 10, cachedInputTokens: 50, cacheWriteTokens: 50 })
  assert.equal(costOf(odd, price), costOf(usage({ inputTokens: 10, cachedInputTokens: 10 }), price))
})

test('the most that a call can cost is not below what any mixture costs', () => {
  for (const cached of [0, 500, 1000])
    for (const heard of [0, 1000 - cached]) {
      const mixed = usage({
        inputTokens: 1000,
        cachedInputTokens: cached,
        audioInputTokens: heard,
        outputTokens: 100,
      })
      assert.ok(costOf(mixed, price) <= mostOf(1000, 100, price))
    }
})

test('dollars are shown exactly', () => {
  assert.equal(dollarsText(nanosOf(12.5)), '12.50')
  assert.equal(dollarsText(1), '0.000000001')
  assert.equal(dollarsText(-1_500_000_000), '-1.50')
  assert.equal(dollarsText(0), '0.00')
})
