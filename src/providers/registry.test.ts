import assert from 'node:assert/strict'
import test from 'node:test'
import { requestRules, scanJson } from '../wire/json-scan.ts'
import { spliceJson } from '../wire/json-splice.ts'
import { lookAtChat } from '../wire/openai-chat/look.ts'
import type { ProviderAdapter } from './adapter.ts'
import { providerTypes } from './registry.ts'

const type = (name: string): ProviderAdapter => {
  const found = providerTypes.get(name)
  assert.ok(found, name)
  return found
}
const nowhere = { apiVersion: null, callerApiVersion: null, stream: false, cloud: {} }

test('every type is known by its own name once, and says where and who', () => {
  for (const [name, adapter] of providerTypes) {
    assert.equal(adapter.type, name)
    assert.match(name, /^[a-z0-9-]+$/)
    if (adapter.defaultBaseUrl !== null) {
      assert.doesNotMatch(adapter.defaultBaseUrl, /\/$/)
      const { protocol, hostname } = new URL(adapter.defaultBaseUrl)
      assert.ok(protocol === 'https:' || hostname === '127.0.0.1', name)
    }
    // A key of Google Cloud is a token that ends within the hour, or a file: nothing to be found by a name.
    if (adapter.needsKey && name !== 'vertex') assert.ok(adapter.envKeys.length > 0, name)
  }
})

test('no two vendors take their key from the same name in the environment', () => {
  const names = [...providerTypes.values()].flatMap(({ envKeys }) => envKeys)
  assert.deepEqual(names, [...new Set(names)])
})

test('addresses end as they are documented', () => {
  for (const [name, address] of [
    ['openai', 'https://api.openai.com/v1/chat/completions'],
    ['groq', 'https://api.groq.com/openai/v1/chat/completions'],
    ['mistral', 'https://api.mistral.ai/v1/chat/completions'],
    ['openrouter', 'https://openrouter.ai/api/v1/chat/completions'],
    ['perplexity', 'https://api.perplexity.ai/chat/completions'],
    ['ollama', 'http://127.0.0.1:11434/v1/chat/completions'],
  ] as const) {
    const { defaultBaseUrl, chat } = type(name)
    assert.equal(defaultBaseUrl + chat.path('any/model', nowhere), address)
  }
  assert.equal(type('openai-compatible').defaultBaseUrl, null)
  assert.equal(type('azure').defaultBaseUrl, null)
})

test('a key goes as a bearer token, but where a vendor has a header of its own', () => {
  const others: Readonly<Record<string, object>> = {
    demo: {},
    azure: { 'api-key': 'k' },
    anthropic: { 'x-api-key': 'k' },
    gemini: { 'x-goog-api-key': 'k' },
  }
  for (const [name, { authorize }] of providerTypes)
    assert.deepEqual(authorize('k'), others[name] ?? { authorization: 'Bearer k' }, name)
})

test('vendors that need no key are those on the own machine, the unknown and the built in', () => {
  const keyless = [...providerTypes.values()].filter(({ needsKey }) => !needsKey)
  assert.deepEqual(keyless.map((adapter) => adapter.type).sort(), [
    'demo',
    'lmstudio',
    'ollama',
    'openai-compatible',
    'vllm',
  ])
})

test("Azure's deployment and version stand in the address, the caller's version before the configured one", () => {
  const path = (apiVersion: string | null, callerApiVersion: string | null, model = 'my-gpt4o') =>
    type('azure').chat.path(model, { ...nowhere, apiVersion, callerApiVersion })
  const deployment = '/openai/deployments/my-gpt4o/chat/completions?api-version='
  assert.equal(path('2024-02-01', null), `${deployment}2024-02-01`)
  assert.equal(path('2024-02-01', '2025-01-01-preview'), `${deployment}2025-01-01-preview`)
  assert.match(path(null, null), /api-version=\d{4}-\d\d-\d\d$/)
  assert.equal(path('v1', null), '/openai/v1/chat/completions')
  assert.equal(path('v1', '2024-02-01'), '/openai/v1/chat/completions')
})

test('what a caller writes into a deployment or a version cannot leave its place in the address', () => {
  const hostile = '../../x?y=1#z&a/b'
  const address = new URL(
    type('azure').chat.path(hostile, { ...nowhere, callerApiVersion: '1&key=2#x' }),
    'https://host',
  )
  assert.match(address.pathname, /^\/openai\/deployments\/[^/]+\/chat\/completions$/)
  assert.deepEqual([...address.searchParams], [['api-version', '1&key=2#x']])
  assert.equal(address.hash, '')
})

/** The body as it goes to the vendor, without what the gateway itself changes. */
function sent(name: string, fields: object): string {
  const body = { model: 'm', messages: [{ role: 'user', content: 'x' }], ...fields }
  const bytes = Buffer.from(JSON.stringify(body))
  const look = lookAtChat(bytes, scanJson(bytes, requestRules), false)
  return spliceJson(bytes, look.fields, type(name).chat.edits?.(look) ?? []).toString()
}
const start = '{"model":"m","messages":[{"role":"user","content":"x"}]'

test('Mistral gets the words it knows and no field it would refuse', () => {
  assert.equal(sent('mistral', { seed: 7 }), `${start},"random_seed":7}`)
  assert.equal(sent('mistral', { tool_choice: 'required' }), `${start},"tool_choice":"any"}`)
  assert.equal(sent('mistral', { tool_choice: 'auto' }), `${start},"tool_choice":"auto"}`)
  assert.equal(sent('mistral', { stream_options: { include_usage: true } }), `${start}}`)
  const named = { type: 'function', function: { name: 'f' } }
  assert.match(sent('mistral', { tool_choice: named }), /"tool_choice":\{"type":"function"/)
})

test('who speaks exactly as OpenAI does gets the bytes of the caller', () => {
  for (const name of ['openai', 'azure', 'openai-compatible', 'groq', 'deepseek'])
    assert.equal(sent(name, { seed: 7, odd: 1 }), `${start},"seed":7,"odd":1}`)
  for (const name of ['openai', 'azure', 'openai-compatible'])
    assert.equal(type(name).chat.corrections, undefined, name)
})

test("Together's own finish reason becomes the one clients know", () => {
  const { corrections } = type('together').chat
  const wire = (finish_reason: string) => ({ choices: [{ index: 0, finish_reason }] })
  assert.deepEqual(corrections?.reply(wire('eos')), wire('stop'))
  for (const reason of ['stop', 'length']) assert.equal(corrections?.reply(wire(reason)), null)
})

test('usage is not asked for where it comes by itself', () => {
  assert.equal(type('mistral').chat.streamUsage, 'always')
  assert.equal(type('perplexity').chat.streamUsage, 'always')
  assert.equal(type('openai').chat.streamUsage, 'ask')
})
