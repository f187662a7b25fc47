import assert from 'node:assert/strict'
import test from 'node:test'
import { sampleAttempt, sampleCall } from '../../tests/support/sample-call.ts'
import { GatewayError } from '../core/errors.ts'
import { recordOf } from './records.ts'

/** Of the sample's attempt. */
const times = { start_ms: 2, duration_ms: 100, connect_ms: 1, first_byte_ms: 48 }

/** As it is written: what is undefined is not there. */
const written = (...given: Parameters<typeof recordOf>) =>
  JSON.parse(JSON.stringify(recordOf(...given))) as Record<string, unknown>

test('a call that went well is one short record', () => {
  assert.deepEqual(written(sampleCall(), 110.4567), {
    call: '01890000-0000-7000-8000-000000000001',
    request: 'req-1',
    route: '/v1/chat/completions',
    status: 200,
    principal: 'team-a',
    model: 'gpt-4o',
    provider: 'openai',
    upstream_model: 'gpt-4o',
    key: 'main',
    stream: false,
    duration_ms: 110.46,
    held_ms: 2,
    upstream_ms: 100,
    connect_ms: 1,
    first_byte_ms: 48,
    input_tokens: 10,
    output_tokens: 5,
    bytes_in: 100,
    bytes_out: 200,
  })
})

test('a call that failed tells of every attempt', () => {
  const error = new GatewayError('upstream_timeout', 'too slow')
  const record = written(
    sampleCall({
      error,
      status: 504,
      usage: null,
      attempts: [
        sampleAttempt({ provider: 'azure', status: null, error }),
        sampleAttempt({ status: null, error }),
      ],
    }),
    1,
  )
  assert.equal(record['error'], 'upstream_timeout')
  assert.deepEqual(record['attempts'], [
    {
      provider: 'azure',
      model: 'gpt-4o',
      key: 'main',
      status: null,
      error: 'upstream_timeout',
      ...times,
    },
    {
      provider: 'openai',
      model: 'gpt-4o',
      key: 'main',
      status: null,
      error: 'upstream_timeout',
      ...times,
    },
  ])
})

test('a call that came nowhere has a record all the same', () => {
  const error = new GatewayError('invalid_api_key', 'unknown key')
  const record = written(
    sampleCall({ attempts: [], principal: null, asked: null, usage: null, error, status: 401 }),
    0.2,
  )
  assert.equal(record['principal'], '-')
  assert.equal(record['model'], null)
  assert.equal(record['detail'], 'unknown key')
  assert.ok(!('provider' in record) && !('attempts' in record))
})

test('guessed counts are marked, and details shown where there are any', () => {
  const usage = {
    inputTokens: 1,
    outputTokens: 2,
    cachedInputTokens: 3,
    reasoningTokens: 4,
    estimated: true,
  }
  const record = written(
    sampleCall({ usage, stream: true, firstTokenMs: 1250, dimensions: { team: 'x' } }),
    1,
  )
  assert.equal(record['estimated'], true)
  assert.equal(record['cached_input_tokens'], 3)
  assert.equal(record['reasoning_tokens'], 4)
  assert.equal(record['first_token_ms'], 250)
  assert.deepEqual(record['dimensions'], { team: 'x' })
})

test('what a provider said is not repeated: it may quote the prompt or a key', () => {
  const error = new GatewayError('upstream_rejected', 'Your prompt "my secret" is too long', {
    upstreamStatus: 400,
    inItsWords: true,
  })
  const text = JSON.stringify(recordOf(sampleCall({ error, status: 400 }), 1))
  assert.ok(!text.includes('secret'), text)
  assert.match(text, /"detail":"upstream status 400"/)
})

test('a fault inside is told with its cause, cut to a bearable length', () => {
  const cause = new Error('socket hang up')
  const inside = new GatewayError('internal_error', 'x', { cause })
  assert.match(
    String(recordOf(sampleCall({ error: inside, status: 500 }), 1).detail),
    /socket.*\n.*at /,
  )
  const long = new GatewayError('invalid_request', 'm'.repeat(5000))
  assert.equal(recordOf(sampleCall({ error: long, status: 400 }), 1).detail?.length, 500)
  const deep = new GatewayError('internal_error', 'x', { cause: new Error('m'.repeat(5000)) })
  assert.equal(recordOf(sampleCall({ error: deep, status: 500 }), 1).detail?.length, 2000)
})

test('each attempt is recorded with what it used, and why it was made', () => {
  const usage = {
    inputTokens: 8,
    outputTokens: 0,
    cachedInputTokens: 0,
    reasoningTokens: 0,
    estimated: true,
  }
  const error = new GatewayError('outrun', 'x')
  const told = { ...usage, outputTokens: 2, cachedInputTokens: 3, estimated: false }
  const attempts = [
    sampleAttempt({ provider: 'azure', status: null, error, usage }),
    sampleAttempt({ role: 'hedge', usage: told }),
  ]
  const where = { model: 'gpt-4o', key: 'main' }
  assert.deepEqual(written(sampleCall({ attempts, usage: told }), 1)['attempts'], [
    {
      ...{ provider: 'azure', ...where, status: null, error: 'outrun' },
      ...{ input_tokens: 8, output_tokens: 0, estimated: true, ...times },
    },
    {
      ...{ provider: 'openai', ...where, status: 200, role: 'hedge' },
      ...{ input_tokens: 8, output_tokens: 2, cached_input_tokens: 3, ...times },
    },
  ])
})

test('what a call cost is the sum of its attempts, in dollars to the last digit', () => {
  const attempts = [
    sampleAttempt({ provider: 'azure', costNanos: 1_000_000_003 }),
    sampleAttempt({ role: 'repeat', costNanos: 20_000_000 }),
    sampleAttempt({ role: 'repeat', costNanos: null }),
  ]
  const record = written(sampleCall({ attempts }), 1)
  assert.equal(record['cost'], '1.020000003')
  assert.deepEqual(
    (record['attempts'] as { cost?: string }[]).map(({ cost }) => cost),
    ['1.000000003', '0.02', undefined],
  )
  const unpriced = written(sampleCall({ attempts: [sampleAttempt({ costNanos: null })] }), 1)
  assert.ok(!('cost' in unpriced))
})
