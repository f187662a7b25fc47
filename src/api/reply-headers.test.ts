import assert from 'node:assert/strict'
import test from 'node:test'
import { sampleCall } from '../../tests/support/sample-call.ts'
import { durationText, replyHeaders } from './reply-headers.ts'

const headersOf = (call: Parameters<typeof replyHeaders>[0], upstream = {}) => {
  const list = replyHeaders(call, upstream, call.startedMs + 5)
  const names = list.filter((_, i) => i % 2 === 0)
  assert.equal(new Set(names).size, names.length)
  return Object.fromEntries(names.map((name, i) => [name, list[2 * i + 1]]))
}

test('durations are written as OpenAI writes them', () => {
  for (const [ms, text] of [
    [0, '0ms'],
    [11.2, '12ms'],
    [1000, '1s'],
    [1500, '1.5s'],
    [60_000, '1m0s'],
    [360_000, '6m0s'],
    [3_723_000, '1h2m3s'],
  ] as const)
    assert.equal(durationText(ms), text)
})

test("the caller's limits are told where it has some", () => {
  const requests = { limit: 100, remaining: 99, resetMs: 600 }
  const headers = headersOf(sampleCall({ limits: { requests, tokens: null } }))
  assert.equal(headers['x-ratelimit-limit-requests'], '100')
  assert.equal(headers['x-ratelimit-remaining-requests'], '99')
  assert.equal(headers['x-ratelimit-reset-requests'], '600ms')
  assert.equal(headers['x-ratelimit-limit-tokens'], undefined)
})

test('what a provider says of its limits has another name, whoever it is', () => {
  const headers = headersOf(sampleCall(), {
    'x-ratelimit-remaining-tokens': '5',
    'anthropic-ratelimit-input-tokens-remaining': '7',
    'anthropic-version': 'x',
    server: 'y',
  })
  assert.equal(headers['x-sluice-upstream-ratelimit-remaining-tokens'], '5')
  assert.equal(headers['x-sluice-upstream-ratelimit-remaining-input-tokens'], '7')
  assert.equal(
    Object.keys(headers).some((name) => /version|server/.test(name)),
    false,
  )
})

test('parameters that were left out are named', () => {
  const headers = headersOf(sampleCall({ dropped: ['seed', 'messages[2].name'] }))
  assert.equal(headers['x-sluice-dropped-params'], 'seed, messages[2].name')
})
