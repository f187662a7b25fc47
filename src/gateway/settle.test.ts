import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import type { Attempt, Call } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import { Metrics } from '../observability/metrics.ts'
import type { CallRecord } from '../observability/records.ts'
import { noTracer } from '../observability/tracer.ts'
import { ContentCapture } from './content-capture.ts'
import { settle } from './settle.ts'

const attempt = (changes: Partial<Attempt> = {}): Attempt => ({
  role: 'first',
  provider: 'p',
  model: 'm',
  key: 'k',
  startedMs: 0,
  sentMs: null,
  headMs: 1,
  endedMs: 2,
  status: 200,
  error: null,
  spanId: null,
  hold: null,
  costNanos: null,
  usage: null,
  ...changes,
})

function settled(changes: Partial<Call>, promptTokens = 10, events = 0): CallRecord {
  const clock = new ManualClock(1000)
  const records: CallRecord[] = []
  const call: Call = {
    id: 'id',
    requestId: 'label',
    surface: 'openai',
    route: '/v1/chat/completions',
    startedAt: 900,
    startedMs: 900,
    principal: null,
    asked: 'p/m',
    stream: events > 0,
    dimensions: null,
    release: null,
    limits: null,
    holds: 0,
    attempts: [attempt()],
    fallback: 0,
    dropped: [],
    client: null,
    trace: null,
    content: 'off',
    job: null,
    usage: null,
    firstTokenMs: null,
    bytesIn: 0,
    bytesOut: 0,
    status: 200,
    error: null,
    ...changes,
  }
  const metrics = new Metrics('test')
  settle(call, () => promptTokens, events, {
    clock,
    metrics,
    books: { settle() {} },
    content: new ContentCapture(),
    tracer: noTracer,
    redact: () => (text) => text,
    record: (record) => records.push(record),
  })
  assert.equal(records.length, 1)
  return records[0] as CallRecord
}

const error = (
  code: 'upstream_error' | 'upstream_unreachable' | 'client_closed',
  facts = {},
): GatewayError => new GatewayError(code, 'x', facts)

test('what the provider counted is recorded as it is, with the time it took', () => {
  const usage = {
    inputTokens: 7,
    outputTokens: 3,
    cachedInputTokens: 2,
    reasoningTokens: 0,
    estimated: false,
  }
  const record = settled({ usage })
  assert.equal(record.input_tokens, 7)
  assert.equal(record.output_tokens, 3)
  assert.equal(record.cached_input_tokens, 2)
  assert.equal(record.estimated, undefined)
  assert.equal(record.duration_ms, 100)
})

test('without a count the size of the prompt and one token for each event are assumed, and said to be a guess', () => {
  const record = settled({}, 11, 5)
  assert.deepEqual([record.input_tokens, record.output_tokens, record.estimated], [11, 5, true])
})

test('nothing is assumed where nothing was tried, sent or accepted', () => {
  const nothing = [
    { attempts: [] },
    {
      attempts: [attempt({ status: 429, error: error('upstream_error', { upstreamStatus: 429 }) })],
    },
    {
      attempts: [
        attempt({ status: null, error: error('upstream_unreachable', { dispatched: false }) }),
      ],
    },
    { attempts: [attempt({ status: null, error: error('client_closed', { dispatched: false }) })] },
    // A refusal inside a 200.
    { attempts: [attempt({ error: error('upstream_error', { upstreamStatus: 502 }) })] },
  ]
  for (const changes of nothing) assert.equal(settled(changes).input_tokens, undefined)
})

test('what was sent may have been billed, although no answer came or it broke off', () => {
  const sent = { status: null, error: error('upstream_unreachable', { dispatched: true }) }
  assert.equal(settled({ attempts: [attempt(sent)] }).input_tokens, 10)
  const broken = { error: error('upstream_error', { upstreamStatus: 500 }) }
  const record = settled({ attempts: [attempt(broken)] }, 10, 3)
  assert.deepEqual([record.input_tokens, record.output_tokens], [10, 3])
})

test('every attempt that may have cost something is metered, and the call has what its answer used', () => {
  const told = {
    inputTokens: 7,
    outputTokens: 3,
    cachedInputTokens: 0,
    reasoningTokens: 0,
    estimated: false,
  }
  const late = { status: null, error: error('upstream_unreachable', { dispatched: true }) }
  const refused = { status: 503, error: error('upstream_error', { upstreamStatus: 503 }) }
  const unsent = { status: null, error: error('upstream_unreachable', { dispatched: false }) }
  const attempts = [attempt(late), attempt(refused), attempt(unsent), attempt({ usage: told })]
  const record = settled({ attempts })
  assert.deepEqual(
    attempts.map(({ usage }) => usage && [usage.inputTokens, usage.outputTokens, usage.estimated]),
    [[10, 0, true], null, null, [7, 3, false]],
  )
  assert.deepEqual([record.input_tokens, record.estimated], [7, undefined])
})

test('the events of a stream are the last attempt’s alone', () => {
  const attempts = [
    attempt({ error: error('upstream_error', {}) }),
    attempt({ error: error('client_closed', { dispatched: true }) }),
  ]
  settled({ attempts }, 40, 6)
  assert.deepEqual(
    attempts.map(({ usage }) => usage?.outputTokens),
    [0, 6],
  )
})
