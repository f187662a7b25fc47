import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GatewayError } from '../core/errors.ts'
import { type Principal, unbound } from '../core/principal.ts'
import { readCallerHeaders } from './caller-headers.ts'

const key: Principal = {
  ...unbound,
  kind: 'virtual-key',
  name: 'team',
  models: null,
  forwardHeaders: [],
  mayPin: false,
}
const nothing = { forward: null, dimensions: null, pinnedKey: null, session: null }

test('what every client sends is nobody to pass on', () => {
  const usual = {
    host: 'a',
    authorization: 'Bearer sk-bf-x',
    'x-api-key': 'sk-bf-x',
    'x-bf-vk': 'sk-bf-x',
    cookie: 'a=b',
    'content-type': 'application/json',
    'user-agent': 'OpenAI/JS',
    'x-stainless-lang': 'js',
    'x-forwarded-for': '1.2.3.4',
    'openai-organization': 'org',
    'openai-project': 'proj',
    'anthropic-version': '2023-06-01',
    'x-bf-anything': 'else',
    'x-bf-api-keys': 'no',
  }
  assert.deepEqual(readCallerHeaders(usual, key), nothing)
})

test("the beta headers of OpenAI and Anthropic pass under anybody's key", () => {
  const { forward } = readCallerHeaders({ 'openai-beta': 'a=v2', 'anthropic-beta': 'b' }, key)
  assert.deepEqual(forward, { 'openai-beta': 'a=v2', 'anthropic-beta': 'b' })
})

test('a header to be forwarded passes where the key names it, and any where the list is open', () => {
  const headers = { 'x-bf-eh-x-trace': 't', 'x-bf-eh-x-other': 'o', 'x-bf-eh-': 'nameless' }
  assert.equal(readCallerHeaders(headers, key).forward, null)
  const named = { ...key, forwardHeaders: ['x-trace'] }
  assert.deepEqual(readCallerHeaders(headers, named).forward, { 'x-trace': 't' })
  const any = { ...key, forwardHeaders: null }
  assert.deepEqual(readCallerHeaders(headers, any).forward, { 'x-trace': 't', 'x-other': 'o' })
})

test('credentials, framing and addresses are never forwarded, whoever asks', () => {
  const any = { ...key, forwardHeaders: null }
  const never = [
    'authorization',
    'proxy-authorization',
    'proxy-connection',
    'cookie',
    'set-cookie',
    'host',
    'connection',
    'keep-alive',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'content-length',
    'content-type',
    'content-encoding',
    'accept-encoding',
    'expect',
    'x-amz-security-token',
    'openai-organization',
    'openai-project',
    'x-goog-user-project',
    'x-api-key',
    'api-key',
    'x-goog-api-key',
    'x-bf-vk',
    'x-bf-eh-cookie',
  ]
  for (const name of never) {
    const listed = { ...key, forwardHeaders: [name] }
    for (const principal of [any, listed])
      assert.equal(readCallerHeaders({ [`x-bf-eh-${name}`]: 'v' }, principal).forward, null, name)
  }
})

test('dimensions are labels of bounded number and length', () => {
  const headers = { 'x-bf-dim-team': 'blue', 'x-bf-dim-': 'nameless', 'x-bf-dim-cost-center': '7' }
  assert.deepEqual(readCallerHeaders(headers, key).dimensions, { team: 'blue', 'cost-center': '7' })
  const many = Object.fromEntries(
    Array.from({ length: 50 }, (_, index) => [
      `x-bf-dim-${index}-${'n'.repeat(100)}`,
      'v'.repeat(500),
    ]),
  )
  const found = Object.entries(readCallerHeaders(many, key).dimensions ?? {})
  assert.equal(found.length, 16)
  for (const [name, value] of found) {
    assert.equal(name.length, 64)
    assert.equal(value.length, 128)
  }
})

test('C07 C08 names that are special to JavaScript do no harm', () => {
  const headers = JSON.parse(
    '{"x-bf-dim-__proto__":"a","x-bf-dim-constructor":"b","x-bf-eh-__proto__":"c","__proto__":"d"}',
  ) as Record<string, string>
  const { dimensions, forward } = readCallerHeaders(headers, { ...key, forwardHeaders: null })
  assert.equal(Object.getPrototypeOf(dimensions), Object.prototype)
  assert.equal(Object.getPrototypeOf(forward), Object.prototype)
  assert.equal(dimensions?.['constructor'], 'b')
  assert.equal(({} as Record<string, unknown>)['a'], undefined)
})

test('a provider key is chosen by those alone who may', () => {
  const headers = { 'x-bf-api-key': 'main' }
  assert.equal(readCallerHeaders(headers, { ...key, mayPin: true }).pinnedKey, 'main')
  assert.throws(
    () => readCallerHeaders(headers, key),
    (error: unknown) => error instanceof GatewayError && error.code === 'forbidden',
  )
})
