import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, providerOf } from '../../tests/faults/upstream/provider-fixture.ts'
import { requestRules, scanJson } from '../wire/json-scan.ts'
import { type ChatLook, lookAtChat } from '../wire/openai-chat/look.ts'
import { buildUpstreamRequest, type CallerExtras } from './upstream-request.ts'

const look = (text: string): ChatLook => {
  const bytes = Buffer.from(text)
  return lookAtChat(bytes, scanJson(bytes, requestRules), true)
}
const none: CallerExtras = { headers: null, apiVersion: null, pinnedKey: null, session: null }
const pairs = (headers: readonly string[]): Record<string, string> => {
  const found: Record<string, string> = {}
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    assert.ok(!(name in found), `${name} is there twice`)
    found[name] = headers[i + 1] as string
  }
  return found
}
const message = '"messages":[{"role":"user","content":"hi"}]'

test('a body that need not change goes out as the very bytes that came', () => {
  const plain = look(`{ "model":"m", ${message}, "odd": 1e400 }`)
  const request = buildUpstreamRequest(plain, providerOf(), 'm', keyOf(), none, 'keep')
  assert.equal(request.body, plain.bytes)
  assert.equal(request.path, '/v1/chat/completions')
})

test('only model, fallbacks and stream_options are changed, everything else keeps its place', () => {
  const text = `{ "model":"up/m", "x": 1.10, ${message}, "fallbacks":["a"], "stream":true, "z":[ ] }`
  const request = buildUpstreamRequest(look(text), providerOf(), 'm', keyOf(), none, 'ask')
  const sent = Buffer.from(request.body).toString()
  assert.deepEqual(JSON.parse(sent), {
    model: 'm',
    x: 1.1,
    messages: [{ role: 'user', content: 'hi' }],
    stream: true,
    z: [],
    stream_options: { include_usage: true },
  })
  assert.match(sent, /"x": 1\.10, "messages"/)
  assert.match(sent, /"z":\[ \]/)
})

test('asking for usage keeps the other options of a stream, dropping removes them', () => {
  const text = `{"model":"m",${message},"stream":true,"stream_options":{"other":1,"include_usage":false}}`
  const sent = (usage: 'ask' | 'keep' | 'drop'): unknown =>
    (
      JSON.parse(
        Buffer.from(
          buildUpstreamRequest(look(text), providerOf(), 'm', keyOf(), none, usage).body,
        ).toString(),
      ) as Record<string, unknown>
    )['stream_options']
  assert.deepEqual(sent('ask'), { other: 1, include_usage: true })
  assert.deepEqual(sent('keep'), { other: 1, include_usage: false })
  assert.equal(sent('drop'), undefined)
})

test('the headers are ours: what a caller brings is added, never put over them', () => {
  const provider = providerOf({ headers: { 'x-team': 'a' } })
  const own = {
    'openai-beta': 'b',
    'x-team': 'stolen',
    authorization: 'Bearer stolen',
    'user-agent': 'x',
  }
  const body = look(`{"model":"m",${message}}`)
  const extras = { ...none, headers: own }
  const { headers } = buildUpstreamRequest(body, provider, 'm', keyOf(), extras, 'keep')
  assert.deepEqual(pairs(headers), {
    'content-type': 'application/json',
    accept: 'application/json',
    'accept-encoding': 'identity',
    'user-agent': 'sluice',
    'x-team': 'a',
    authorization: 'Bearer sk-secret',
    'openai-beta': 'b',
  })
  const next = buildUpstreamRequest(body, provider, 'm', keyOf(), none, 'keep')
  assert.equal(pairs(next.headers)['openai-beta'], undefined, 'nothing stays for the next call')
})

test('each key and each form has its own headers, and without a key no credential is sent', () => {
  const provider = providerOf()
  const plain = look(`{"model":"m",${message}}`)
  const stream = look(`{"model":"m",${message},"stream":true}`)
  const headers = (of: ChatLook, key: ReturnType<typeof keyOf> | null): Record<string, string> =>
    pairs(buildUpstreamRequest(of, provider, 'm', key, none, 'keep').headers)
  assert.equal(headers(plain, keyOf())['authorization'], 'Bearer sk-secret')
  assert.equal(headers(plain, keyOf('b', 'sk-other'))['authorization'], 'Bearer sk-other')
  assert.equal(headers(plain, null)['authorization'], undefined)
  assert.equal(headers(stream, keyOf())['accept'], 'text/event-stream')
  assert.equal(headers(plain, keyOf())['accept'], 'application/json')
})

test('Azure has the deployment and the version in the address, and the key in its own header', () => {
  const azure = providerOf({
    type: 'azure',
    apiVersion: '2024-10-21',
    baseUrl: 'https://r.example/sub/',
  })
  const body = look(`{${message}}`)
  const extras = { ...none, apiVersion: '2025-01-01&x=1' }
  const request = buildUpstreamRequest(body, azure, 'a b/c', keyOf(), extras, 'keep')
  assert.equal(
    request.path,
    '/sub/openai/deployments/a%20b%2Fc/chat/completions?api-version=2025-01-01%26x%3D1',
  )
  assert.equal(pairs(request.headers)['api-key'], 'sk-secret')
  assert.equal(request.body, body.bytes, 'a body without a model stays without one')
  const newer = providerOf({ type: 'azure', apiVersion: 'v1' })
  const v1 = buildUpstreamRequest(body, newer, 'm', keyOf(), none, 'keep')
  assert.equal((JSON.parse(Buffer.from(v1.body).toString()) as { model: string }).model, 'm')
})
