import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, snapshotOf } from '../../tests/faults/upstream/provider-fixture.ts'
import { anyMemory, noTranslator } from '../../tests/support/any-memory.ts'
import { openBooks } from '../../tests/support/books.ts'
import { manualRuntime } from '../../tests/support/manual-clock.ts'
import type { ProviderConfig } from '../config/config.ts'
import type { Call } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import { Health } from '../routing/health.ts'
import { newLoad } from '../routing/retry-budget.ts'
import type { Endpoint, UpstreamRequest } from '../transport/transport.ts'
import { requestRules, scanJson } from '../wire/json-scan.ts'
import { encodeError } from '../wire/openai-chat/error.ts'
import { lookAtChat } from '../wire/openai-chat/look.ts'
import { type Answer, meant, UsageRefusals } from './attempt.ts'
import { runAttempts } from './attempts.ts'

type Reply = readonly [status: number, body: string | object]

/** Runs one call against a provider that gives these replies, one after another. */
function run(
  replies: readonly Reply[],
  options: {
    readonly provider?: Partial<ProviderConfig>
    readonly fields?: object
    readonly pinnedKey?: string
    readonly refusals?: UsageRefusals
    readonly signal?: AbortSignal
  } = {},
): { answer: Promise<Answer>; sent: UpstreamRequest[]; call: Call; clockPending: () => number } {
  const sent: UpstreamRequest[] = []
  const endpoint: Endpoint = {
    send(request, handler) {
      const [status, body] = replies[sent.length] as Reply
      sent.push(request)
      queueMicrotask(() => {
        handler.onHead(status, {})
        handler.onData(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
        handler.onEnd()
      })
      return { dispatched: true, abort() {}, pause() {}, resume() {} }
    },
  }
  const runtime = manualRuntime()
  const bytes = Buffer.from(
    JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }], ...options.fields }),
  )
  const look = lookAtChat(bytes, scanJson(bytes, requestRules), false)
  const startedMs = runtime.clock.monotonic()
  const call = { attempts: [], usage: null, startedMs } as unknown as Call
  const extras = {
    headers: null,
    apiVersion: null,
    pinnedKey: options.pinnedKey ?? null,
    session: null,
  }
  const signal = options.signal ?? new AbortController().signal
  const snapshot = snapshotOf({ providers: [options.provider ?? {}], endpoint })
  const target = { provider: 'up', model: 'm', weight: 1 }
  const answer = (async () =>
    await runAttempts(
      { call, look, extras, signal, run: null, hedge: false },
      [{ target, fallback: 0 }],
      runtime.random,
      snapshot,
      {
        runtime,
        health: new Health(runtime.clock, runtime.random),
        refusals: options.refusals ?? new UsageRefusals(),
        books: openBooks(runtime.clock).books,
        memory: anyMemory,
        translator: noTranslator,
        load: newLoad(),
      },
    ))()
  answer.catch(() => undefined)
  return { answer, sent, call, clockPending: () => runtime.clock.pending }
}

const failed = async (answer: Promise<Answer>): Promise<GatewayError> =>
  answer.then(
    () => assert.fail('it was answered'),
    (error: GatewayError) => error,
  )
const completion = { choices: [], usage: { prompt_tokens: 4, completion_tokens: 2 } }
const stream = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'a' }, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`
const refusal = { error: { message: 'Unknown field: stream_options' } }
const optionsIn = (request: UpstreamRequest | undefined): unknown =>
  (JSON.parse(Buffer.from(request?.body ?? '{}').toString()) as Record<string, unknown>)[
    'stream_options'
  ]

test('a good reply is one attempt, with its usage', async () => {
  const { answer, call, clockPending } = run([[200, completion]])
  assert.equal((await answer).kind, 'reply')
  assert.equal(call.attempts[0]?.usage?.inputTokens, 4)
  assert.equal(call.attempts.length, 1)
  assert.equal(call.attempts[0]?.status, 200)
  assert.equal(call.attempts[0]?.error, null)
  assert.equal(clockPending(), 0)
})

test('an object in place of a stream counts what it used', async () => {
  const { answer, call } = run([[200, completion]], { fields: { stream: true } })
  assert.equal((await answer).kind, 'frames')
  assert.equal(call.attempts[0]?.usage?.outputTokens, 2)
})

test('an error inside a 200 is the attempt’s error as well', async () => {
  const { answer, call } = run([[200, { error: { message: 'no', code: 429 } }]])
  assert.equal((await failed(answer)).code, 'upstream_rate_limited')
  assert.equal(call.attempts[0]?.error?.code, 'upstream_rate_limited')
})

test('stream_options that are refused are left out once, and from then on for that model', async () => {
  for (const status of [400, 422]) {
    const refusals = new UsageRefusals()
    const first = run(
      [
        [status, refusal],
        [200, stream],
      ],
      { fields: { stream: true }, refusals },
    )
    assert.equal((await first.answer).kind, 'stream')
    assert.deepEqual(first.sent.map(optionsIn), [{ include_usage: true }, undefined])
    assert.equal(first.call.attempts.length, 2)
    const second = run([[200, stream]], { fields: { stream: true }, refusals })
    await second.answer
    assert.deepEqual(second.sent.map(optionsIn), [undefined])
  }
})

test('a second refusal, another status and a plain call are not repeated', async () => {
  const twice = run(
    [
      [400, refusal],
      [400, refusal],
    ],
    { fields: { stream: true } },
  )
  assert.equal((await failed(twice.answer)).message, 'Unknown field: stream_options')
  assert.equal(twice.sent.length, 2)
  for (const [status, fields] of [
    [500, { stream: true }],
    [404, { stream: true }],
    [400, {}],
  ] as const) {
    const once = run([[status, refusal]], { fields })
    await failed(once.answer)
    assert.equal(once.sent.length, 1, String(status))
  }
})

test('stream_options that hold more than include_usage are the caller’s, and so is what is said of them', async () => {
  for (const stream_options of [
    { include_obfuscation: false },
    { include_usage: true, include_obfuscation: false },
  ]) {
    const refusals = new UsageRefusals()
    const once = run([[400, refusal]], { fields: { stream: true, stream_options }, refusals })
    assert.equal((await failed(once.answer)).message, 'Unknown field: stream_options')
    assert.equal(once.sent.length, 1)
    const next = run([[200, stream]], { fields: { stream: true }, refusals })
    await next.answer
    assert.deepEqual(next.sent.map(optionsIn), [{ include_usage: true }])
  }
})

test('a caller who left before anything was sent has made no attempt', async () => {
  const gone = new GatewayError('client_closed', 'The client went away')
  const { answer, sent, call } = run([], { signal: AbortSignal.abort(gone) })
  assert.equal(await failed(answer), gone)
  assert.deepEqual(call.attempts, [])
  assert.equal(sent.length, 0)
})

test('keys are chosen among those that serve the model, by weight', async () => {
  const keys = [keyOf('none', 'sk-none-0', 0), keyOf('all', 'sk-all-00', 1)]
  const { answer, sent, call } = run([[200, completion]], { provider: { keys } })
  await answer
  assert.ok(sent[0]?.headers.includes('Bearer sk-all-00'))
  assert.equal(call.attempts[0]?.key, 'all')
  const only = run([], { provider: { keys: [{ ...keyOf(), models: ['other'] }] } })
  const error = await failed(only.answer)
  assert.equal(error.code, 'model_not_found')
  assert.match(error.message, /No key of provider "up" serves the model "m"/)
  assert.equal(only.call.attempts.length, 0)
  const none = run([[200, completion]], { provider: { keys: null } })
  await none.answer
  assert.ok(!none.sent[0]?.headers.includes('authorization'))
})

test('a pinned key is used whatever its weight, and one that is not there is the caller’s mistake', async () => {
  const keys = [keyOf('a', 'sk-aaaaaa', 0), keyOf('b', 'sk-bbbbbb', 1)]
  const pinned = run([[200, completion]], { provider: { keys }, pinnedKey: 'a' })
  await pinned.answer
  assert.ok(pinned.sent[0]?.headers.includes('Bearer sk-aaaaaa'))
  const missing = await failed(run([], { provider: { keys }, pinnedKey: 'c' }).answer)
  assert.equal(missing.code, 'invalid_request')
  assert.equal(missing.facts.param, 'x-bf-api-key')
})

test('an error names the provider, and the key where it is about the key', async () => {
  const html = await failed(run([[503, '<html>']]).answer)
  assert.equal(html.message, 'Provider "up": the provider answered 503')
  const refused = await failed(run([[401, { error: { message: 'sk-secret is bad' } }]]).answer)
  assert.equal(refused.code, 'upstream_auth_failed')
  assert.match(refused.message, /^Provider "up", key "main": /)
  assert.ok(!refused.message.includes('sk-secret'))
})

test('a message of the provider loses keys, secret headers and addresses, and no other word', async () => {
  const words = 'sk-secret hdr-secret https://provider.example/v1 provider.example ollama on'
  const provider = { headers: { 'x-auth': 'hdr-secret', 'x-mode': 'on' } }
  const error = await failed(run([[400, { error: { message: words } }]], { provider }).answer)
  assert.equal(error.message, '[key] [key] [provider]/v1 [provider] ollama on')
  const local = { baseUrl: 'http://ollama/v1' }
  const named = await failed(
    run([[400, { error: { message: 'ollama at http://ollama/v1' } }]], { provider: local }).answer,
  )
  assert.equal(named.message, 'ollama at [provider]/v1')
})

test('what a provider says is free of keys wherever it stands, also where it is cut', async () => {
  const secret = 'sk-secret-0123456789abcdefghijklmnop'
  const provider = { keys: [keyOf('main', secret)], headers: { 'x-auth': 'hdr-secret' } }
  const pad = (lengthBytes: number): string => 'w'.repeat(lengthBytes)
  const said = async (error: object, rest: object = {}): Promise<string> => {
    const { answer } = run([[422, { error, ...rest }]], { provider })
    const text = Buffer.from(encodeError(await failed(answer))).toString()
    assert.doesNotMatch(text, /sk-sec|hdr-secret/)
    return text
  }
  const message = 'No.'
  const { error, type } = JSON.parse(
    await said({ message, type: `t ${secret}`, code: `c ${secret}`, param: 'p hdr-secret' }),
  ) as { error: object; type: string }
  assert.deepEqual(error, { message, type: 't [key]', code: 'c [key]', param: 'p [key]' })
  assert.equal(type, 'c [key]')
  await said({ message }, { type: secret, code: secret })
  // With a place for the key on either side of each border, in whole and in part.
  for (const before of [2048 - 60, 2048 - 36, 2048 - 20, 2048 - 8])
    await said({ message: `${pad(before)}${secret}${pad(4000)}` })
  for (const before of [128 - 40, 128 - 36, 128 - 20, 128 - 8]) {
    const word = `${pad(before)}${secret}${pad(400)}`
    await said({ message, type: word })
    await said({ message, code: word })
    await said({ message, param: word })
  }
})

test('reasoning counted beside the output is added to it, for those who count so', () => {
  const usage = {
    inputTokens: 1,
    outputTokens: 2,
    cachedInputTokens: 0,
    reasoningTokens: 5,
    estimated: false,
  }
  const provider = (type: string) =>
    [...snapshotOf({ providers: [{ type }] }).providers.values()][0]
  assert.equal(meant(usage, provider('xai'))?.outputTokens, 7)
  assert.equal(meant(usage, provider('openai'))?.outputTokens, 2)
  assert.equal(meant(null, provider('xai')), null)
  assert.equal(meant(usage, undefined), usage)
})
