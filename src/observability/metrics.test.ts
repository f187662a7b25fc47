import assert from 'node:assert/strict'
import test from 'node:test'
import { sampleAttempt, sampleCall } from '../../tests/support/sample-call.ts'
import { type ErrorCode, GatewayError } from '../core/errors.ts'
import { Metrics } from './metrics.ts'

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/
const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/

/** Reads the text exposition format 0.0.4 strictly: anything it does not allow throws. */
function parseExposition(text: string): readonly Sample[] {
  assert.ok(text.endsWith('\n'))
  const samples: Sample[] = []
  const types = new Map<string, string>()
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary|untyped)$/.exec(line)
    if (type?.[1]) {
      assert.ok(!types.has(type[1]), `${type[1]} is described twice`)
      types.set(type[1], type[2] ?? '')
    } else samples.push(parseSample(line))
  }
  for (const { name } of samples)
    assert.ok(
      types.has(name) || types.get(name.replace(/_(bucket|sum|count)$/, '')) === 'histogram',
      `${name} has no type`,
    )
  const keys = samples.map((each) => JSON.stringify([each.name, each.labels]))
  assert.equal(new Set(keys).size, keys.length, 'a series is there twice')
  return samples
}

function parseSample(line: string): Sample {
  const [found = ''] = name.exec(line) ?? []
  assert.notEqual(found, '', line)
  const labels: Record<string, string> = {}
  let rest = line.slice(found.length)
  if (rest.startsWith('{')) {
    rest = rest.slice(1)
    while (!rest.startsWith('}')) {
      const part = label.exec(rest.replace(/\}[^"]*$/, ''))
      assert.ok(part, line)
      labels[part[1] ?? ''] = JSON.parse(`"${part[2]}"`)
      rest = rest.slice(part[0].length)
    }
    rest = rest.slice(1)
  }
  assert.match(rest, /^ (-?\d+(\.\d+)?(e[+-]?\d+)?|\+Inf|-Inf|NaN|Nan)$/i, line)
  return { name: found, labels, value: Number(rest) }
}

const read = async (metrics: Metrics) => parseExposition(await metrics.text())
const valuesOf = (samples: readonly Sample[], name: string, labels: Sample['labels'] = {}) =>
  samples
    .filter(
      (each) =>
        each.name === name &&
        Object.entries(labels).every(([key, value]) => each.labels[key] === value),
    )
    .map(({ value }) => value)

test('an unused gateway already has text that parses', async () => {
  const metrics = new Metrics('1.2.3')
  metrics.watch(() => ({
    ...{ calls: 3, streams: 2, droppedLines: 1, openBreakers: 0, strain: 2 },
    ...{
      strains: { memory: 2, store: 0 },
      connections: 7,
      refusedConnections: 1,
      storeCommands: 4,
      ledgerLines: 5,
      requestLog: { lost: 0, waiting: 0, bytes: 0 },
    },
  }))
  metrics.reloaded(true, 5000)
  metrics.reloaded(false, 9000)
  const samples = await read(metrics)
  assert.deepEqual(valuesOf(samples, 'sluice_build_info', { version: '1.2.3' }), [1])
  assert.deepEqual(valuesOf(samples, 'sluice_inflight_requests'), [3])
  assert.deepEqual(valuesOf(samples, 'sluice_open_streams'), [2])
  assert.deepEqual(valuesOf(samples, 'sluice_log_lines_dropped'), [1])
  assert.deepEqual(valuesOf(samples, 'sluice_ledger_waiting'), [5])
  assert.deepEqual(valuesOf(samples, 'sluice_strain'), [2])
  assert.deepEqual(valuesOf(samples, 'sluice_strain_by_sign', { sign: 'memory' }), [2])
  assert.deepEqual(valuesOf(samples, 'sluice_strain_by_sign', { sign: 'store' }), [0])
  assert.deepEqual(valuesOf(samples, 'sluice_connections'), [7])
  assert.deepEqual(valuesOf(samples, 'sluice_connections_refused'), [1])
  assert.deepEqual(valuesOf(samples, 'sluice_store_commands_waiting'), [4])
  assert.deepEqual(valuesOf(samples, 'sluice_config_reload_success'), [0])
  assert.deepEqual(valuesOf(samples, 'sluice_config_reload_timestamp_seconds'), [5])
  assert.match(metrics.contentType, /^text\/plain; version=0\.0\.4/)
})

test('a call is counted, with its tokens, its attempts and its times', async () => {
  const metrics = new Metrics('1')
  const refused = sampleAttempt({
    provider: 'azure',
    status: 500,
    error: new GatewayError('upstream_error', 'x'),
  })
  const usage = {
    inputTokens: 10,
    outputTokens: 5,
    cachedInputTokens: 4,
    reasoningTokens: 0,
    estimated: false,
  }
  const good = sampleAttempt({ usage })
  metrics.settled(sampleCall({ attempts: [refused, good], usage }), 110)
  metrics.settled(sampleCall({ attempts: [good], stream: true, firstTokenMs: 1400 }), 2000)
  const samples = await read(metrics)
  const labels = { surface: 'openai', provider: 'openai', model: 'gpt-4o', status_class: '2xx' }
  assert.deepEqual(valuesOf(samples, 'sluice_requests_total', labels), [2])
  const attempts = (provider: string, outcome: string) =>
    valuesOf(samples, 'sluice_upstream_attempts_total', { provider, outcome })
  assert.deepEqual(attempts('azure', 'upstream_error'), [1])
  assert.deepEqual(attempts('openai', 'ok'), [2])
  assert.deepEqual(valuesOf(samples, 'sluice_tokens_total', { type: 'input' }), [20])
  assert.deepEqual(valuesOf(samples, 'sluice_tokens_total', { type: 'cached_input' }), [8])
  assert.deepEqual(valuesOf(samples, 'sluice_tokens_total', { type: 'reasoning' }), [])
  assert.deepEqual(
    valuesOf(samples, 'sluice_request_duration_seconds_sum', { stream: 'true' }),
    [2],
  )
  assert.deepEqual(valuesOf(samples, 'sluice_time_to_first_token_seconds_sum'), [0.4])
  assert.deepEqual(valuesOf(samples, 'sluice_overhead_seconds_sum'), [0.01])
})

test('a call that reached no provider is counted under its error', async () => {
  const metrics = new Metrics('1')
  const error = new GatewayError('invalid_api_key', 'x')
  metrics.settled(sampleCall({ attempts: [], usage: null, principal: null, status: 401, error }), 1)
  const samples = await read(metrics)
  assert.deepEqual(
    valuesOf(samples, 'sluice_requests_total', {
      provider: '',
      model: '',
      status_class: '4xx',
      error: 'invalid_api_key',
    }),
    [1],
  )
})

test('buckets only grow, and the last one holds everything', async () => {
  const metrics = new Metrics('1')
  for (const durationMs of [1, 5, 6, 70, 3000, 5_000_000]) metrics.settled(sampleCall(), durationMs)
  const samples = await read(metrics)
  const buckets = samples.filter(({ name }) => name === 'sluice_request_duration_seconds_bucket')
  assert.equal(buckets.at(-1)?.labels['le'], '+Inf')
  assert.deepEqual(
    buckets.map(({ value }) => value),
    buckets.map(({ value }) => value).sort((a, b) => a - b),
  )
  const upTo = (le: string) => buckets.find(({ labels }) => labels['le'] === le)?.value
  assert.deepEqual(
    [upTo('0.005'), upTo('0.01'), upTo('5'), upTo('600'), upTo('+Inf')],
    [2, 3, 5, 5, 6],
  )
  assert.deepEqual(valuesOf(samples, 'sluice_request_duration_seconds_count'), [6])
})

test('names that callers choose cannot break the text', async () => {
  const metrics = new Metrics('1')
  const hostile = ['a"} 1\nfake_total{x="', 'back\\slash', 'line\nend', '{}', 'ü 👋', ' ']
  for (const model of hostile)
    metrics.settled(sampleCall({ attempts: [sampleAttempt({ model })] }), 1)
  const samples = await read(metrics)
  assert.ok(!samples.some(({ name }) => name === 'fake_total'))
  const models = samples
    .filter(({ name }) => name === 'sluice_requests_total')
    .map(({ labels }) => labels['model'])
  assert.deepEqual(models, hostile)
})

test('a key that a caller gives for a model is no label', async () => {
  const metrics = new Metrics('1')
  const model = 'sk-bf-00000000-0000-4000-8000-000000000001'
  for (let i = 0; i < 2; i++)
    metrics.settled(sampleCall({ attempts: [sampleAttempt({ model })] }), 1)
  assert.deepEqual(
    valuesOf(await read(metrics), 'sluice_requests_total', { model: '[redacted]' }),
    [2],
  )
  assert.ok(!(await metrics.text()).includes(model))
})

test('names that callers choose cannot grow the series without bound, and no call goes uncounted', async () => {
  const metrics = new Metrics('1')
  for (let i = 0; i < 5000; i++)
    metrics.settled(sampleCall({ attempts: [sampleAttempt({ model: `made-up-${i}` })] }), 1)
  metrics.settled(sampleCall({ attempts: [sampleAttempt({ model: 'made-up-0' })] }), 1)
  const samples = await read(metrics)
  const requests = samples.filter(({ name }) => name === 'sluice_requests_total')
  assert.equal(requests.length, 1001)
  assert.equal(
    requests.reduce((sum, { value }) => sum + value, 0),
    5001,
  )
  assert.deepEqual(valuesOf(samples, 'sluice_requests_total', { model: '_other' }), [4000])
  assert.deepEqual(valuesOf(samples, 'sluice_requests_total', { model: 'made-up-0' }), [2])
  assert.ok(samples.length < 10_000, `${samples.length} series`)
})

test('no key, no caller, no request and no words of an error are labels', async () => {
  const metrics = new Metrics('1')
  const error = new GatewayError('upstream_rejected', 'the prompt was: secret')
  metrics.settled(
    sampleCall({
      error,
      status: 400,
      attempts: [sampleAttempt({ key: 'key-name', error })],
      dimensions: { user: 'someone' },
    }),
    1,
  )
  const text = await metrics.text()
  for (const word of ['secret', 'key-name', 'team-a', 'req-1', '01890000', 'someone'])
    assert.ok(!text.includes(word), word)
})

test('what waits and runs is told as it stands when somebody looks, and not at all while it is not known', async () => {
  const metrics = new Metrics('1')
  let looked = 0
  metrics.watchJobs(
    async () => {
      await new Promise((resolve) => setImmediate(resolve))
      if (++looked === 3) throw new GatewayError('storage_unavailable', 'away')
      return { queued: looked, running: 10 * looked, oldestQueuedAt: 1000 }
    },
    () => 1000 + 5000 * looked,
  )
  const names = ['sluice_jobs_queued', 'sluice_jobs_running', 'sluice_job_oldest_queued_seconds']
  const told = async () => {
    const samples = await read(metrics)
    return names.map((name) => valuesOf(samples, name))
  }
  assert.deepEqual(await told(), [[1], [10], [5]])
  assert.deepEqual(await told(), [[2], [20], [10]])
  assert.deepEqual(await told(), [[], [], []])
  assert.deepEqual(await told(), [[4], [40], [20]])
})

test('a run that was no longer the gateway’s is counted as a lost lease', async () => {
  const metrics = new Metrics('1')
  const lost = async () => valuesOf(await read(metrics), 'sluice_job_leases_lost_total')
  metrics.jobRan('completed', 1, 1)
  assert.deepEqual(await lost(), [0])
  metrics.jobRan('lost', 1, 1)
  assert.deepEqual(await lost(), [1])
})

test('tokens are counted for every attempt, where it went', async () => {
  const usage = {
    inputTokens: 10,
    outputTokens: 5,
    cachedInputTokens: 0,
    reasoningTokens: 0,
    estimated: false,
  }
  const guess = { ...usage, inputTokens: 12, outputTokens: 0, estimated: true }
  const lost = sampleAttempt({
    ...{ provider: 'azure', status: null, usage: guess },
    error: new GatewayError('upstream_timeout', 'x'),
  })
  const metrics = new Metrics('1')
  const attempts = [lost, sampleAttempt({ role: 'repeat', usage })]
  metrics.settled(sampleCall({ attempts, usage }), 110)
  const input = (await read(metrics)).filter(
    ({ name, labels }) => name === 'sluice_tokens_total' && labels['type'] === 'input',
  )
  assert.deepEqual(
    input.map(({ labels, value }) => [labels['provider'], labels['estimated'], value]),
    [
      ['azure', 'true', 12],
      ['openai', 'false', 10],
    ],
  )
})

test('second attempts are counted by how they went, and their overlap is no overhead', async () => {
  const outrun = new GatewayError('outrun', 'x')
  const at = (startedMs: number, endedMs: number) => ({ startedMs, endedMs })
  const first = sampleAttempt({ ...at(1000, 1300), error: outrun, status: null })
  const hedge = sampleAttempt({ ...at(1200, 1300), role: 'hedge', provider: 'azure' })
  const metrics = new Metrics('1')
  const settled = (...attempts: ReturnType<typeof sampleAttempt>[]): void =>
    metrics.settled(sampleCall({ attempts }), 310)
  settled(first, hedge)
  settled({ ...hedge, error: outrun, status: null }, sampleAttempt(at(1000, 1300)))
  // Its answer was there in the moment in which the other one's came.
  settled(hedge, sampleAttempt(at(1000, 1300)))
  settled(
    { ...hedge, error: new GatewayError('upstream_error', 'x') },
    sampleAttempt(at(1000, 1300)),
  )
  const samples = await read(metrics)
  const hedges = (outcome: string) =>
    valuesOf(samples, 'sluice_hedges_total', { provider: 'azure', outcome })
  assert.deepEqual([hedges('won'), hedges('lost'), hedges('failed')], [[1], [2], [1]])
  const [overhead] = valuesOf(samples, 'sluice_overhead_seconds_sum')
  assert.equal(overhead?.toFixed(3), '0.040')
})

test('money is counted for every attempt, in dollars, and refusals by what was reached and whose it is', async () => {
  const metrics = new Metrics('1.2.3')
  const attempts = [
    sampleAttempt({ provider: 'azure', costNanos: 1_500_000_000 }),
    sampleAttempt({ provider: 'azure', costNanos: 250_000_000 }),
    sampleAttempt({ provider: 'azure', costNanos: null }),
  ]
  metrics.settled(sampleCall({ attempts }), 1)
  const refuse = (code: ErrorCode, scope: 'key' | 'team'): void =>
    metrics.settled(sampleCall({ error: new GatewayError(code, 'x', { scope }) }), 1)
  refuse('budget_exceeded', 'team')
  refuse('rate_limit_exceeded', 'key')
  refuse('rate_limit_exceeded', 'key')
  metrics.settled(sampleCall({ error: new GatewayError('upstream_rate_limited', 'x') }), 1)
  const samples = await read(metrics)
  assert.deepEqual(valuesOf(samples, 'sluice_cost_dollars_total', { provider: 'azure' }), [1.75])
  const refused = (kind: string, scope: string) =>
    valuesOf(samples, 'sluice_limit_refusals_total', { kind, scope })
  assert.deepEqual(refused('budget', 'team'), [1])
  assert.deepEqual(refused('requests', 'key'), [2])
  assert.equal(valuesOf(samples, 'sluice_limit_refusals_total').length, 2)
})
