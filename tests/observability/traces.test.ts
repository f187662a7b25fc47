import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ended, repeatUntil, submit } from '../contract/job-client.ts'
import { callRecord, type LogLine, logLine } from '../contract/log-lines.ts'
import {
  adminPassword,
  ask,
  chat,
  configFor,
  keys,
  requestBytes,
  upstreamKeys,
  withKey,
} from '../contract/stage.ts'
import { rawConnect } from '../support/raw-client.ts'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { openaiError } from '../support/upstream-openai.ts'
import { json, stall, streamHead } from '../support/upstream-script.ts'
import { type Collector, startCollector } from './collector.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const callerSpan = 'b7ad6b7169203331'
const parent = (flags = '01') => ['traceparent', `00-${traceId}-${callerSpan}-${flags}`] as const
const collectorKey = 'canary-collector-key'
const [server, client, consumer] = [2, 3, 5]

const configOf = (upstream: Upstream) => ({
  ...configFor(upstream),
  models: { falls: { targets: [{ model: 'openai/broken' }], fallbacks: ['local/good'] } },
  prices: { 'local/good': { input_per_million: 1000, output_per_million: 0 } },
})
const tracesTo = (collector: Collector, more: Readonly<Record<string, string>> = {}) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${collectorKey}`,
  OTEL_SERVICE_NAME: 'gate',
  OTEL_BSP_SCHEDULE_DELAY: '20',
  ...more,
})

async function dropped(gateway: Gateway, reason: string): Promise<number> {
  const { text } = await ask(gateway, { path: '/metrics', headers: [] })
  const line = new RegExp(`^sluice_trace_spans_dropped_total\\{reason="${reason}"\\} (\\d+)$`, 'm')
  return Number(line.exec(text)?.[1] ?? Number.NaN)
}

describe('calls become spans', () => {
  let upstream: Upstream
  let collector: Collector
  let gateway: Gateway
  before(async () => {
    upstream = await startUpstream()
    collector = await startCollector()
    upstream.on('broken', json(500, openaiError(`the key ${upstreamKeys.main} is no good`)))
    const config = configOf(upstream)
    gateway = await startGateway({ config, env: tracesTo(collector) })
  })
  after(async () => {
    await gateway.stop('SIGINT')
    await collector[Symbol.asyncDispose]()
    await upstream.stop()
  })
  const traced = async (body: object, headers: readonly (readonly [string, string])[] = []) => {
    const answer = await ask(gateway, { body, headers: [...withKey(keys.open), ...headers] })
    const id = answer.headers['x-sluice-call-id'] ?? ''
    const [own, ...attempts] = await collector.spansOf(id)
    assert.ok(own)
    return { answer, own, attempts, id }
  }

  test('a plain call is a server span with a client span below it', async () => {
    const { own, attempts, answer } = await traced(
      chat('openai/traced-plain', { max_tokens: 9, temperature: 0.25, user: 'u' }),
      [['x-bf-dim-team', 'blue']],
    )
    const [attempt, ...more] = attempts
    assert.deepEqual(more, [])
    assert.ok(attempt)
    assert.deepEqual([own.kind, attempt.kind], [server, client])
    assert.deepEqual([own.name, attempt.name], ['POST /v1/chat/completions', 'chat traced-plain'])
    assert.match(own.traceId, /^[0-9a-f]{32}$/)
    assert.deepEqual([own.parentSpanId, attempt.traceId], [undefined, own.traceId])
    assert.deepEqual(
      [own.resource['service.name'], typeof own.resource['service.version']],
      ['gate', 'string'],
    )
    const reply = answer.json() as { id: string; model: string; usage: Record<string, number> }
    const { attributes } = attempt
    const expected = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'traced-plain',
      'gen_ai.request.max_tokens': 9,
      'gen_ai.request.temperature': 0.25,
      'gen_ai.response.id': reply.id,
      'gen_ai.response.model': reply.model,
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': reply.usage['prompt_tokens'],
      'gen_ai.usage.output_tokens': reply.usage['completion_tokens'],
      'server.address': '127.0.0.1',
      'server.port': upstream.port,
      'http.response.status_code': 200,
      'sluice.attempt': 1,
      'sluice.key.name': 'open',
      'sluice.provider.key': 'main',
      'sluice.dimension.team': 'blue',
    }
    for (const [name, value] of Object.entries(expected))
      assert.deepEqual(attributes[name], value, name)
    assert.ok(BigInt(own.startTimeUnixNano) <= BigInt(attempt.startTimeUnixNano))
    assert.ok(BigInt(attempt.startTimeUnixNano) < BigInt(attempt.endTimeUnixNano))
    assert.ok(BigInt(attempt.endTimeUnixNano) <= BigInt(own.endTimeUnixNano) + 1_000_000n)
  })

  test('a stream tells when its first token came, and how it ended', async () => {
    const { answer, attempts } = await traced(chat('openai/traced-stream', { stream: true }))
    const [first] = answer.text.split('\n')
    const { id } = JSON.parse((first ?? '').slice(6)) as { id: string }
    const { attributes = {} } = attempts[0] ?? {}
    assert.equal(attributes['gen_ai.request.stream'], true)
    assert.equal(attributes['gen_ai.response.id'], id)
    assert.deepEqual(attributes['gen_ai.response.finish_reasons'], ['stop'])
    assert.ok(Number(attributes['gen_ai.response.time_to_first_chunk']) > 0)
    assert.ok(Number(attributes['gen_ai.usage.output_tokens']) > 0)
  })

  test('the caller’s trace goes on to the provider, below the span of the attempt', async () => {
    const { own, attempts, id } = await traced(chat('openai/traced-parent'), [
      parent(),
      ['tracestate', 'a=1, b=2'],
    ])
    assert.deepEqual([own.traceId, own.parentSpanId], [traceId, callerSpan])
    assert.equal(own.traceState, 'a=1,b=2')
    const seen = await upstream.next(({ model }) => model === 'traced-parent')
    assert.equal(seen.headers['traceparent'], `00-${traceId}-${attempts[0]?.spanId}-01`)
    assert.equal(seen.headers['tracestate'], 'a=1,b=2')
    assert.equal((await callRecord(gateway, id))['trace_id'], traceId)
  })

  test('what is malformed is no parent, and begins a trace of its own', async () => {
    const { own } = await traced(chat('openai/traced-malformed'), [
      ['traceparent', `00-${traceId}-${callerSpan}`],
      ['tracestate', 'a=1'],
    ])
    assert.notEqual(own.traceId, traceId)
    assert.deepEqual([own.parentSpanId, own.traceState], [undefined, undefined])
    const seen = await upstream.next(({ model }) => model === 'traced-malformed')
    assert.equal(seen.headers['tracestate'], undefined)
  })

  test('what the caller does not keep is not kept here, and the provider is told so', async () => {
    const answer = await ask(gateway, {
      body: chat('openai/traced-unsampled'),
      headers: [...withKey(keys.open), parent('00')],
    })
    const seen = await upstream.next(({ model }) => model === 'traced-unsampled')
    assert.match(`${seen.headers['traceparent']}`, new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`))
    // Spans leave in the order of their calls.
    await traced(chat('openai/traced-after'))
    const id = answer.headers['x-sluice-call-id']
    assert.ok(!collector.spans.some(({ attributes }) => attributes['sluice.call.id'] === id))
    assert.equal((await callRecord(gateway, id ?? ''))['trace_id'], traceId)
  })

  test('a fallback is a second attempt that says where it came from', async () => {
    const { own, attempts } = await traced(chat('falls'))
    assert.equal(own.status.code, 0)
    assert.equal(own.attributes['sluice.attempts'], 2)
    const [first, second] = attempts
    assert.deepEqual([first?.attributes['error.type'], first?.status.code], ['upstream_error', 2])
    assert.equal(first?.attributes['http.response.status_code'], 500)
    assert.equal(second?.attributes['sluice.fallback.from'], 'openai/broken')
    assert.deepEqual([second?.attributes['error.type'], second?.status.code], [undefined, 0])
    assert.equal(second?.attributes['gen_ai.provider.name'], 'local')
    const cost = Number(second?.attributes['gen_ai.usage.input_tokens']) / 1000
    assert.ok(cost > 0)
    assert.equal(second?.attributes['sluice.cost.usd'], cost)
    assert.equal(own.attributes['sluice.cost.usd'], cost)
  })

  test('a call that reaches nobody is a span alone', async () => {
    const refused = await traced({ model: 'openai/x', messages: [] })
    assert.deepEqual(refused.attempts, [])
    assert.deepEqual(
      [refused.own.attributes['error.type'], refused.own.status.code],
      ['invalid_request', 0],
    )
    assert.equal(refused.own.attributes['http.response.status_code'], 400)
  })

  test('a call whose providers failed is an error', async () => {
    const { own } = await traced(chat('openai/broken'))
    assert.deepEqual([own.status.code, own.attributes['error.type']], [2, 'upstream_error'])
    assert.equal(own.status.message, undefined)
  })

  test('a caller that leaves ends its spans, which are no errors', async () => {
    upstream.on('traced-abort', [streamHead(), stall()])
    const connection = await rawConnect(gateway.port)
    const headers = [...withKey(keys.open), ['x-request-id', 'traced-abort'] as const]
    const body = chat('openai/traced-abort', { stream: true })
    await connection.write(requestBytes({ body, headers }))
    await upstream.next(({ model }) => model === 'traced-abort')
    connection.destroy()
    const isOwn = (span: (typeof collector.spans)[number]): boolean =>
      span.attributes['sluice.request.id'] === 'traced-abort'
    await collector.when(({ spans }) => spans.some(isOwn))
    const own = collector.spans.find(isOwn)
    assert.deepEqual([own?.attributes['error.type'], own?.status.code], ['client_closed', 0])
    const attempt = collector.spans.find(({ parentSpanId }) => parentSpanId === own?.spanId)
    assert.deepEqual(
      [attempt?.attributes['error.type'], attempt?.status.code],
      ['client_closed', 0],
    )
  })

  test('a job runs in a trace of its own that points at the call which handed it in', async () => {
    const submitting = await submit(gateway, chat('openai/traced-job'), [parent()])
    const [own] = await collector.spansOf(submitting.headers['x-sluice-call-id'] ?? '')
    const jobId = submitting.headers['x-bf-async-id'] ?? ''
    assert.equal((await ended(gateway, jobId)).status, 200)
    const isRun = ({ kind, attributes }: (typeof collector.spans)[number]): boolean =>
      kind === consumer && attributes['sluice.job.id'] === jobId
    await collector.when(({ spans }) => spans.some(isRun))
    const run = collector.spans.find(isRun)
    assert.equal(own?.traceId, traceId)
    assert.notEqual(run?.traceId, traceId)
    assert.deepEqual(
      run?.links.map((link) => [link.traceId, link.spanId]),
      [[traceId, own?.spanId]],
    )
    assert.equal(run?.attributes['sluice.job.outcome'], 'completed')
    const [attempt] = collector.spans.filter(({ parentSpanId }) => parentSpanId === run?.spanId)
    assert.equal(attempt?.attributes['gen_ai.request.model'], 'traced-job')
    assert.deepEqual(attempt?.attributes['gen_ai.response.finish_reasons'], ['stop'])
    const seen = await upstream.next(({ model }) => model === 'traced-job')
    assert.equal(seen.headers['traceparent'], `00-${run?.traceId}-${attempt?.spanId}-01`)
  })

  test('the collector gets its credential, and no prompt, answer or secret', async () => {
    const prompt = { messages: [{ role: 'user', content: 'canary-prompt' }] }
    for (const model of ['openai/traced-secrets', 'openai/broken', `openai/${upstreamKeys.main}`])
      await traced({ ...prompt, model }, [
        ['x-bf-session-id', keys.open],
        ['x-bf-dim-key', upstreamKeys.main],
        ['cookie', 'session=canary-cookie'],
        ['user-agent', `curl ${keys.open}`],
      ])
    await traced({ ...prompt, model: 'openai/x', stream: true }, [['x-request-id', keys.open]])
    assert.ok(
      collector.requests.every(
        ({ path, headers }) =>
          path === '/v1/traces' && headers.authorization === `Bearer ${collectorKey}`,
      ),
    )
    const hidden = [
      ...[adminPassword, collectorKey, 'canary-prompt', 'canary-cookie'],
      ...Object.values(upstreamKeys),
      ...Object.values(keys),
    ]
    for (const secret of hidden) assert.ok(!collector.text.includes(secret), secret)
    assert.ok(!gateway.stderr().includes(collectorKey))
  })
})

test('without tracing the provider hears nothing of a trace, and the log still names it', async () => {
  await using upstream = await startUpstream()
  await using gateway = await startGateway({ config: configOf(upstream) })
  const answer = await ask(gateway, {
    body: chat('openai/untraced'),
    headers: [...withKey(keys.open), parent(), ['tracestate', 'a=1']],
  })
  const seen = await upstream.next()
  assert.deepEqual(
    [seen.headers['traceparent'], seen.headers['tracestate']],
    [undefined, undefined],
  )
  const record = await callRecord(gateway, answer.headers['x-sluice-call-id'] ?? '')
  assert.equal(record['trace_id'], traceId)
})

test('a stop sends what is left', async () => {
  await using upstream = await startUpstream()
  await using collector = await startCollector()
  const gateway = await startGateway({
    config: configOf(upstream),
    env: tracesTo(collector, { OTEL_BSP_SCHEDULE_DELAY: '600000' }),
  })
  const answer = await ask(gateway, { body: chat('openai/traced-stop') })
  assert.equal(collector.spans.length, 0)
  await gateway.stop('SIGINT')
  const own = collector.spans.find(
    ({ attributes }) => attributes['sluice.call.id'] === answer.headers['x-sluice-call-id'],
  )
  assert.equal(own?.name, 'POST /v1/chat/completions')
})

const isTrouble = ({ msg }: LogLine): boolean => `${msg}`.startsWith('traces do not arrive')

describe('a collector in trouble costs spans and nothing else', { concurrency: 2 }, () => {
  for (const [what, manner] of [
    ['that refuses', 500],
    ['that is overloaded', 503],
    ['that never answers', 'silent'],
  ] as const)
    test(what, async () => {
      await using upstream = await startUpstream()
      await using collector = await startCollector()
      collector.manner = manner
      const gateway = await startGateway({
        config: configOf(upstream),
        env: tracesTo(collector, {
          OTEL_BSP_MAX_QUEUE_SIZE: '8',
          OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '4',
          OTEL_BSP_EXPORT_TIMEOUT: '50',
        }),
      })
      for (let i = 0; i < 30; i++)
        assert.equal((await ask(gateway, { body: chat('openai/traced-trouble') })).status, 200)
      await collector.when(({ requests }) => requests.length > 1)
      await repeatUntil(
        () => dropped(gateway, 'export_failed'),
        (spans) => spans > 0,
      )
      await logLine(gateway, isTrouble)
      const told = gateway
        .stderr()
        .split('\n')
        .filter((line) => line.includes('traces do not arrive'))
      assert.equal(told.length, 1)
      assert.doesNotMatch(told[0] ?? '', /collector-says-no|127\.0\.0\.1/)
      const since = performance.now()
      await gateway.stop('SIGINT')
      assert.ok(performance.now() - since < 10_000)
    })

  test('that is not there at all', async () => {
    await using upstream = await startUpstream()
    const collector = await startCollector()
    const env = tracesTo(collector, { OTEL_EXPORTER_OTLP_TIMEOUT: '50' })
    await collector[Symbol.asyncDispose]()
    const gateway = await startGateway({ config: configOf(upstream), env })
    assert.equal((await ask(gateway, { body: chat('openai/traced-nowhere') })).status, 200)
    await repeatUntil(
      () => dropped(gateway, 'export_failed'),
      (spans) => spans > 0,
    )
    const { reason } = await logLine(gateway, isTrouble)
    assert.equal(reason, 'the collector cannot be reached (ECONNREFUSED)')
    await gateway.stop('SIGINT')
  })
})

test('what cannot be had is said at the start, and the gateway starts', async () => {
  await using gateway = await startGateway({
    noConfig: true,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4317',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    },
  })
  // The banner comes after the line that says it listens.
  const isSaid = (said: string): boolean =>
    /Warning: OTEL_EXPORTER_OTLP_ENDPOINT asks for traces, but.*grpc/s.test(said)
  await repeatUntil(async () => gateway.stderr(), isSaid)
})
