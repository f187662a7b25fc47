import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { openBlackHole } from '../../support/black-hole.ts'
import { assertError, assertWholeStream } from './expect.ts'
import { openStage } from './retry-stage.ts'

const hole = await openBlackHole()
const connectMs = 400
const fields = { timeouts: { connect: `${connectMs}ms` }, retries: { max: 0 } }
const nameless = { base_url: 'http://nobody.invalid:9/v1' }
const silent = { base_url: `http://127.0.0.1:${hole.port}/v1` }
const stage = await openStage({
  providers: {
    nameless: { fields: { ...fields, ...nameless } },
    repeating: { fields: { ...fields, ...nameless, retries: { max: 2, base: '1ms', cap: '5ms' } } },
    silent: { fields: { ...fields, ...silent } },
    well: { fields },
  },
  models: {
    'nameless-first': { targets: [{ model: 'nameless/m' }], fallbacks: ['well/m'] },
    'silent-first': { targets: [{ model: 'silent/m' }], fallbacks: ['well/m'] },
    'nobody-there': { targets: [{ model: 'nameless/m' }, { model: 'silent/m' }] },
  },
})
after(async () => {
  await stage.close()
  hole[Symbol.dispose]()
})

interface Told {
  readonly attempts?: readonly { provider: string; error?: string; estimated?: true }[]
  readonly [name: string]: unknown
}

/** The one record of a call, and what it says of the attempts. */
async function recordOf(label: string): Promise<Told> {
  const record = (await stage.record(label)) as Told
  const lines = stage.gateway.stderr().split(`"request":"${label}"`).length - 1
  assert.equal(lines, 1, 'one record of a call')
  return record
}

const errorsIn = ({ attempts = [] }: Told): string[] =>
  attempts.map(({ provider, error }) => `${provider} ${error ?? 'ok'}`)

async function call(model: string, stream = false) {
  using client = await stage.open(model, { stream })
  const began = performance.now()
  const response = await client.response(20_000)
  const tookMs = performance.now() - began
  assert.doesNotMatch(response.text, /\.invalid|127\.0\.0\.1/, 'an address got out')
  return { response, tookMs, record: await recordOf(client.label) }
}

describe('a provider that is not reached', { concurrency: true }, () => {
  test('U01: a name that does not resolve is 502, and nothing of the call is counted as used', async () => {
    for (const stream of [false, true]) {
      const { response, record } = await call('nameless/m', stream)
      assertError(response, 502, {
        code: 'upstream_unreachable',
        type: 'upstream_error',
        message: /^Provider "nameless": it could not be reached \(name lookup failed/,
      })
      assert.equal(response.headers['x-sluice-attempts'], '1')
      assert.deepEqual(errorsIn(record), ['nameless upstream_unreachable'])
      assert.equal(record['input_tokens'], undefined)
    }
  })

  test('U01: such a name is asked for once more where repeats are allowed, and no more', async () => {
    const { response, record } = await call('repeating/m')
    assertError(response, 502, { code: 'upstream_unreachable', shouldRetry: 'false' })
    assert.equal(response.headers['x-sluice-attempts'], '2')
    const failed = 'repeating upstream_unreachable'
    assert.deepEqual(errorsIn(record), [failed, failed])
  })

  test('U01: the fallback answers in its place, at once', async () => {
    for (const stream of [false, true]) {
      const { response, record } = await call('nameless-first', stream)
      if (stream) assertWholeStream(response)
      else assert.equal(response.status, 200, response.text)
      assert.equal(response.headers['x-sluice-provider'], 'well')
      assert.equal(response.headers['x-sluice-fallback-index'], '1')
      assert.equal(response.headers['x-sluice-attempts'], '2')
      assert.deepEqual(errorsIn(record), ['nameless upstream_unreachable', 'well ok'])
    }
  })

  test('U05: an address that does not answer is 502 once connecting has taken its time', async () => {
    for (const stream of [false, true]) {
      const { response, tookMs, record } = await call('silent/m', stream)
      assertError(response, 502, {
        code: 'upstream_unreachable',
        message: /^Provider "silent": it could not be reached \(no connection in time\)/,
      })
      assert.ok(tookMs > connectMs / 2 && tookMs < connectMs + 2500, `${tookMs} ms`)
      assert.equal(response.headers['x-sluice-attempts'], '1')
      assert.deepEqual(errorsIn(record), ['silent upstream_unreachable'])
      assert.equal(record['input_tokens'], undefined)
    }
  })

  test('U05: the fallback answers in its place, as soon as that time is over', async () => {
    for (const stream of [false, true]) {
      const { response, tookMs, record } = await call('silent-first', stream)
      assert.equal(response.status, 200, response.text)
      assert.ok(tookMs < connectMs + 2500, `${tookMs} ms`)
      assert.equal(response.headers['x-sluice-provider'], 'well')
      assert.deepEqual(errorsIn(record), ['silent upstream_unreachable', 'well ok'])
    }
  })

  test('U05: who leaves while it connects is recorded as gone, and the connection is not waited for', async () => {
    const client = await stage.open('silent/m')
    client.rst()
    const record = await recordOf(client.label)
    assert.equal(record['error'], 'client_closed')
    assert.equal(record['input_tokens'], undefined)
  })

  test('U01 U05: where no target is reached the last one is told, and each was tried', async () => {
    const { response, record } = await call('nobody-there')
    assertError(response, 502, { code: 'upstream_unreachable', shouldRetry: 'false' })
    assert.equal(response.headers['x-sluice-attempts'], '2')
    assert.deepEqual(errorsIn(record), [
      'nameless upstream_unreachable',
      'silent upstream_unreachable',
    ])
  })
})

test('afterwards nothing is under way and no connection is left half open', async () => {
  const metrics = await (await fetch(`${stage.gateway.url}/metrics`)).text()
  assert.match(metrics, /^sluice_inflight_requests 0$/m)
  assert.equal((await stage.call('well/m')).status, 200)
})
