import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileTracing } from './compile-tracing.ts'

function compile(env: Readonly<Record<string, string>>, installed = true) {
  const warnings: string[] = []
  const warn = (message: string): void => void warnings.push(message)
  return { tracing: compileTracing({ env, warn, hasPackage: () => installed }), warnings }
}
const on = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }

test('traces are on where the environment names a place or an exporter, and only there', () => {
  for (const [env, url, origin] of [
    [on, 'http://collector:4318/v1/traces', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c/base/' }, 'http://c/base/v1/traces', undefined],
    [
      { ...on, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://t/own' },
      'https://t/own',
      'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    ],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, 'http://localhost:4318/v1/traces', 'OTEL_TRACES_EXPORTER'],
  ] as const) {
    const { tracing, warnings } = compile(env)
    assert.equal(tracing?.url, url)
    if (origin !== undefined) assert.equal(tracing?.origin, origin)
    assert.deepEqual(warnings, [])
  }
  for (const env of [
    {},
    { OTEL_SERVICE_NAME: 'x' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    { ...on, OTEL_SDK_DISABLED: 'TRUE' },
    { ...on, OTEL_TRACES_EXPORTER: 'none' },
  ])
    assert.deepEqual(compile(env), { tracing: null, warnings: [] })
})

test('what cannot be had is off with a warning that says what to do', () => {
  for (const [env, says] of [
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /no http:\/\/ or https:\/\/ address/],
    [{ ...on, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /grpc.*HTTP \(port 4318/],
    [{ ...on, OTEL_TRACES_EXPORTER: 'console' }, /console; Sluice knows otlp and none/],
  ] as const) {
    const { tracing, warnings } = compile(env)
    assert.equal(tracing, null)
    assert.match(warnings.join('\n'), says)
    assert.equal(warnings.length, 1)
  }
  const { tracing, warnings } = compile(on, false)
  assert.equal(tracing, null)
  assert.match(
    warnings.join('\n'),
    /^OTEL_EXPORTER_OTLP_ENDPOINT asks for traces.*npm install @opentelemetry\/exporter-trace-otlp-http @opentelemetry\/api$/,
  )
})

test('a package that is not installed is nobody’s business while traces are off', () => {
  assert.deepEqual(compile({}, false), { tracing: null, warnings: [] })
})

test('the usual values are those of the specification, but for a larger queue and smaller batches', () => {
  const { tracing } = compile(on)
  assert.deepEqual(tracing, {
    url: 'http://collector:4318/v1/traces',
    origin: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    headers: {},
    timeoutMs: 10_000,
    resource: { 'service.name': 'sluice' },
    sampler: { ratio: 1, parentBased: true },
    queue: { queueSpans: 4096, batchSpans: 256, everyMs: 5000, exportMs: 30_000 },
    latestNames: false,
  })
})

test('names, headers and bounds are read from the environment', () => {
  const { tracing, warnings } = compile({
    ...on,
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=prod%20eu',
    OTEL_SERVICE_NAME: 'gate',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20abc=,x-a=1',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-a=2',
    OTEL_EXPORTER_OTLP_TIMEOUT: '700',
    OTEL_BSP_MAX_QUEUE_SIZE: '100',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '512',
    OTEL_BSP_SCHEDULE_DELAY: '250',
    OTEL_SEMCONV_STABILITY_OPT_IN: 'http, gen_ai_latest_experimental',
  })
  assert.deepEqual(warnings, [])
  assert.deepEqual(tracing?.resource, {
    'service.name': 'gate',
    'deployment.environment.name': 'prod eu',
  })
  assert.deepEqual(tracing?.headers, { authorization: 'Basic abc=', 'x-a': '2' })
  assert.equal(tracing?.timeoutMs, 700)
  assert.deepEqual(
    [tracing?.queue.queueSpans, tracing?.queue.batchSpans, tracing?.queue.everyMs],
    [100, 100, 250],
  )
  assert.equal(tracing?.latestNames, true)
})

test('samplers have the names of the specification', () => {
  const sampler = (name: string, arg = '') =>
    compile({ ...on, OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: arg }).tracing?.sampler
  assert.deepEqual(sampler('always_on'), { ratio: 1, parentBased: false })
  assert.deepEqual(sampler('always_off'), { ratio: 0, parentBased: false })
  assert.deepEqual(sampler('parentbased_always_off'), { ratio: 0, parentBased: true })
  assert.deepEqual(sampler('traceidratio', '0.1'), { ratio: 0.1, parentBased: false })
  assert.deepEqual(sampler('parentbased_traceidratio', '0'), { ratio: 0, parentBased: true })
})

test('what is malformed is passed over with a warning, and a header’s text is in none', () => {
  for (const [more, says] of [
    [{ OTEL_TRACES_SAMPLER: 'sometimes' }, /OTEL_TRACES_SAMPLER must be one of always_on/],
    [
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' },
      /OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1/,
    ],
    [{ OTEL_BSP_MAX_QUEUE_SIZE: '-1' }, /OTEL_BSP_MAX_QUEUE_SIZE must be a whole number/],
    [
      { OTEL_EXPORTER_OTLP_HEADERS: 'hush-hush,x-a=1' },
      /OTEL_EXPORTER_OTLP_HEADERS must be name=value/,
    ],
    [{ OTEL_EXPORTER_OTLP_HEADERS: 'x=%E0%A4%A' }, /OTEL_EXPORTER_OTLP_HEADERS must be name=value/],
  ] as const) {
    const { tracing, warnings } = compile({ ...on, ...more })
    assert.ok(tracing)
    assert.match(warnings.join('\n'), says)
    assert.doesNotMatch(warnings.join('\n'), /hush/)
  }
})
