import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleAttempt, sampleCall } from '../../tests/support/sample-call.ts'
import type { Attempt, Call } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import { createRedactor } from '../core/redactor.ts'
import type { CallTrace } from '../core/trace.ts'
import { type SpanRules, spansOf } from './call-spans.ts'
import { recordOf } from './records.ts'

const secret = 'sk-verysecret-0123456789abcdef'
const redact = createRedactor(['plain-secret-value'])
const rules: SpanRules = {
  version: 'both',
  redact,
  placeOf: (name) =>
    name === 'gone' ? null : { type: name, address: `${name}.example`, port: 443 },
}

const trace = (more: Partial<CallTrace> = {}): CallTrace => ({
  ...{ traceId: 'a'.repeat(32), parentId: 'b'.repeat(16), spanId: 'c'.repeat(16) },
  ...{ sampled: true, state: 'v=1', submit: null, request: null, reply: null },
  ...more,
})
const attempt = (n: number, more: Partial<Attempt> = {}): Attempt =>
  sampleAttempt({ spanId: String(n).repeat(16), ...more })
const spans = (more: Partial<Call>, changes: Partial<SpanRules> = {}) => {
  const call = sampleCall({ trace: trace(), attempts: [attempt(1)], ...more })
  return spansOf(call, recordOf(call, 150, redact), { ...rules, ...changes })
}

test('a call is one span below its caller’s, with one below it for each attempt, at their own times', () => {
  const [own, first, second, ...more] = spans({
    attempts: [
      attempt(1, { startedMs: 1002, endedMs: 1040.5 }),
      attempt(2, { startedMs: 1041, endedMs: 1100 }),
    ],
  })
  assert.deepEqual(more, [])
  const startedAt = Date.UTC(2026, 0, 1)
  const facts = (span: typeof own) =>
    span && [span.kind, span.spanId[0], span.parentId?.[0], span.hasRemoteParent]
  assert.deepEqual(facts(own), ['server', 'c', 'b', true])
  assert.deepEqual(facts(first), ['client', '1', 'c', false])
  assert.deepEqual(facts(second), ['client', '2', 'c', false])
  assert.deepEqual([own?.name, first?.name], ['POST /v1/chat/completions', 'chat gpt-4o'])
  assert.deepEqual([own?.startedAt, own?.endedAt], [startedAt, startedAt + 150])
  assert.deepEqual([first?.startedAt, first?.endedAt], [startedAt + 2, startedAt + 40.5])
  assert.deepEqual([own?.state, first?.state], ['v=1', 'v=1'])
})

test('a trace that is not kept, or is only known, makes no span', () => {
  assert.deepEqual(spans({ trace: null }), [])
  assert.deepEqual(spans({ trace: trace({ sampled: false }) }), [])
  assert.deepEqual(spans({ trace: trace({ spanId: null }) }), [])
})

test('an attempt has the names of the GenAI convention', () => {
  const request = { maxTokens: 50, temperature: 0.5, topP: null, seed: 0, choices: 2 }
  const [, first] = spans({
    stream: true,
    firstTokenMs: 1102,
    trace: trace({
      request: { ...request, stop: ['END'], session: 's-1' },
      reply: { id: 'c-1', model: 'gpt-4o-2024', finishReasons: ['stop'] },
    }),
    attempts: [
      attempt(1, {
        costNanos: 1_500_000,
        usage: {
          ...{ inputTokens: 10, outputTokens: 5, cachedInputTokens: 4, reasoningTokens: 3 },
          ...{ cacheWriteTokens: 2, estimated: false },
        },
      }),
    ],
    dimensions: { team: 'blue' },
  })
  assert.deepEqual(first?.attributes, {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.system': 'openai',
    'server.address': 'openai.example',
    'server.port': 443,
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.request.stream': true,
    'gen_ai.request.max_tokens': 50,
    'gen_ai.request.temperature': 0.5,
    'gen_ai.request.seed': 0,
    'gen_ai.request.choice.count': 2,
    'gen_ai.request.stop_sequences': ['END'],
    'gen_ai.response.id': 'c-1',
    'gen_ai.response.model': 'gpt-4o-2024',
    'gen_ai.response.finish_reasons': ['stop'],
    'gen_ai.response.time_to_first_chunk': 0.1,
    'gen_ai.usage.input_tokens': 10,
    'gen_ai.usage.output_tokens': 5,
    'gen_ai.usage.cache_read.input_tokens': 4,
    'gen_ai.usage.cache_creation.input_tokens': 2,
    'gen_ai.usage.reasoning.output_tokens': 3,
    'http.response.status_code': 200,
    'sluice.attempt': 1,
    'sluice.attempt.role': 'first',
    'sluice.provider.name': 'openai',
    'sluice.provider.key': 'main',
    'sluice.cost.usd': 0.0015,
    'sluice.key.name': 'team-a',
    'gen_ai.conversation.id': 's-1',
    'sluice.dimension.team': 'blue',
  })
})

test('who wants the latest names alone does not get the older one', () => {
  const [, first] = spans({}, { version: 'latest' })
  assert.equal(first?.attributes['gen_ai.system'], undefined)
  assert.equal(first?.attributes['gen_ai.provider.name'], 'openai')
})

test('providers have the names that the convention gives them, and one that is gone has none', () => {
  const named = (provider: string, type = provider) =>
    spans(
      { attempts: [attempt(1, { provider })] },
      { placeOf: (name) => (name === 'gone' ? null : { type, address: null, port: null }) },
    )[1]?.attributes['gen_ai.provider.name']
  assert.equal(named('eu', 'azure'), 'azure.ai.openai')
  assert.equal(named('v', 'vertex'), 'gcp.vertex_ai')
  assert.equal(named('together'), 'together')
  assert.equal(named('my-llm', 'openai-compatible'), 'my-llm')
  assert.equal(named('gone'), undefined)
})

test('where a fallback came from is told once, and not of a repeat or a hedge', () => {
  const at = (n: number, more: Partial<Attempt>) => attempt(n, { startedMs: 1000 + n, ...more })
  const origins = spans({
    attempts: [
      at(1, { provider: 'openai' }),
      at(2, { provider: 'openai', role: 'repeat' }),
      at(3, { provider: 'azure', role: 'repeat' }),
      at(4, { provider: 'azure', role: 'repeat' }),
      at(5, { provider: 'groq', role: 'hedge' }),
    ],
  })
    .slice(1)
    .map(({ attributes }) => attributes['sluice.fallback.from'])
  assert.deepEqual(origins, [undefined, undefined, 'openai/gpt-4o', undefined, undefined])
})

test('an error is told by its code alone; what the caller did is no fault of the server', () => {
  const broken = new GatewayError('upstream_error', 'the prompt was: hush', { upstreamStatus: 500 })
  const [own, first] = spans({
    error: broken,
    status: 502,
    attempts: [attempt(1, { error: broken, status: 500 })],
  })
  assert.deepEqual([own?.isError, first?.isError], [true, true])
  assert.deepEqual(
    [own?.attributes['error.type'], first?.attributes['error.type']],
    ['upstream_error', 'upstream_error'],
  )
  assert.ok(!JSON.stringify([own, first]).includes('hush'))
  const left = new GatewayError('client_closed', 'x')
  const [gone, cut] = spans({ error: left, status: 499, attempts: [attempt(1, { error: left })] })
  assert.deepEqual([gone?.isError, cut?.isError], [false, false])
  assert.equal(cut?.attributes['error.type'], 'client_closed')
  const [refused] = spans({
    error: new GatewayError('invalid_request', 'x'),
    status: 400,
    attempts: [],
  })
  assert.deepEqual(
    [refused?.isError, refused?.attributes['error.type']],
    [false, 'invalid_request'],
  )
})

test('an attempt that nobody closed ends with its call', () => {
  const [own, first] = spans({ attempts: [attempt(1, { endedMs: null })] })
  assert.equal(first?.endedAt, own?.endedAt)
})

test('the run of a job is a span of its own that points at the one which handed it in', () => {
  const submit = { traceId: 'd'.repeat(32), spanId: 'e'.repeat(16) }
  const [own] = spans({
    trace: trace({ parentId: null, submit }),
    job: { step: 'run', id: 'job-1', attempt: 2, outcome: 'completed' },
  })
  assert.deepEqual([own?.kind, own?.name], ['consumer', 'run /v1/chat/completions'])
  assert.deepEqual([own?.parentId, own?.hasRemoteParent, own?.links], [null, false, [submit]])
  assert.deepEqual(
    ['id', 'step', 'attempt', 'outcome'].map((name) => own?.attributes[`sluice.job.${name}`]),
    ['job-1', 'run', 2, 'completed'],
  )
  assert.equal(own?.attributes['http.response.status_code'], undefined)
})

test('whatever a caller or a provider puts into a name, no secret is in a span', () => {
  for (const word of [secret, 'plain-secret-value']) {
    const told = spans({
      requestId: `r-${word}`,
      asked: `m-${word}`,
      dimensions: { [`d-${word}`]: `v-${word}` },
      client: { agent: `ua-${word}`, retries: 0, address: '' },
      trace: trace({
        request: {
          ...{ maxTokens: null, temperature: null, topP: null, seed: null, choices: 1 },
          ...{ stop: [`stop-${word}`], session: `s-${word}` },
        },
        reply: { id: `id-${word}`, model: `rm-${word}`, finishReasons: ['stop'] },
      }),
      attempts: [attempt(1, { model: `m-${word}` }), attempt(2, { startedMs: 1050, model: 'n' })],
    })
    assert.equal(told.length, 3)
    assert.ok(!JSON.stringify(told).includes(word), word)
    assert.match(JSON.stringify(told), /\[redacted\]/)
  }
})
