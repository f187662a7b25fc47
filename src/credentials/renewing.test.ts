import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { GatewayError } from '../core/errors.ts'
import { type Lease, Renewing } from './renewing.ts'

const hourMs = 3600_000
const patient = new AbortController().signal

/** Gives `t1`, `t2`, … each good for an hour, when the test says so. */
function slowGiver() {
  const clock = new ManualClock()
  const asked: PromiseWithResolvers<Lease<string>>[] = []
  const signals: AbortSignal[] = []
  const tokens = new Renewing<string>({
    clock,
    giver: 'The giver',
    fetch(signal) {
      signals.push(signal)
      const next = Promise.withResolvers<Lease<string>>()
      asked.push(next)
      return next.promise
    },
  })
  const give = (n: number, lifetimeMs = hourMs): void =>
    asked[n - 1]?.resolve({ value: `t${n}`, lifetimeMs })
  return { clock, tokens, asked, signals, give }
}

/** Holds `t1` already. */
async function holding(lifetimeMs = hourMs) {
  const giver = slowGiver()
  const first = giver.tokens.get(patient)
  giver.give(1, lifetimeMs)
  assert.equal(await first, 't1')
  return giver
}

const code =
  (wanted: string, message = /./) =>
  (thrown: unknown): boolean =>
    thrown instanceof GatewayError && thrown.code === wanted && message.test(thrown.message)

test('many who wait share one fetch, and afterwards it is at hand without a promise', async () => {
  const { tokens, asked, give } = slowGiver()
  const waiting = Array.from({ length: 50 }, () => tokens.get(patient))
  assert.equal(asked.length, 1)
  give(1)
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['t1']))
  assert.equal(tokens.get(patient), 't1')
  assert.equal(asked.length, 1)
})

test('before its end it is renewed in the background, once, while calls go on with the old one', async () => {
  const { clock, tokens, asked, give } = await holding()
  await clock.advance(hourMs - 5 * 60_000 - 1)
  tokens.get(patient)
  assert.equal(asked.length, 1)
  await clock.advance(1)
  assert.equal(tokens.get(patient), 't1')
  assert.equal(tokens.get(patient), 't1')
  assert.equal(asked.length, 2)
  give(2)
  await clock.advance(0)
  assert.equal(tokens.get(patient), 't2')
  assert.deepEqual(tokens.known, ['t2', 't1'])
})

test('what is about to end is not handed out any more', async () => {
  const { clock, tokens, give } = await holding()
  await clock.advance(hourMs - 30_000)
  const next = tokens.get(patient)
  assert.ok(next instanceof Promise)
  give(2)
  assert.equal(await next, 't2')
})

test('a short lifetime is used for the most part, not fetched anew with every call', async () => {
  const { clock, tokens, asked } = await holding(60_000)
  await clock.advance(29_999)
  assert.equal(tokens.get(patient), 't1')
  assert.equal(asked.length, 1)
  await clock.advance(20_000)
  assert.equal(tokens.get(patient), 't1')
  assert.equal(asked.length, 2)
})

test('a renewal that fails in the background disturbs nobody while the old one is good', async () => {
  const { clock, tokens, asked } = await holding()
  await clock.advance(hourMs - 60_000)
  tokens.get(patient)
  asked[1]?.reject(new Error('down'))
  await clock.advance(0)
  assert.equal(tokens.get(patient), 't1')
  assert.equal(asked.length, 2, 'it waits a moment')
  await clock.advance(1000)
  assert.equal(tokens.get(patient), 't1')
  assert.equal(asked.length, 3)
})

test('a failure is told to all who wait and for a moment after, then the giver is asked again', async () => {
  const { clock, tokens, asked, give } = slowGiver()
  const waiting = [tokens.get(patient), tokens.get(patient)]
  asked[0]?.reject(new Error('no'))
  for (const each of waiting) await assert.rejects(async () => each, code('upstream_auth_failed'))
  await assert.rejects(async () => tokens.get(patient), code('upstream_auth_failed'))
  assert.equal(asked.length, 1)
  await clock.advance(1000)
  const next = tokens.get(patient)
  give(2)
  assert.equal(await next, 't2')
})

test('a caller who leaves ends its own waiting and nobody else’s', async () => {
  const { tokens, signals, give } = slowGiver()
  const leaver = new AbortController()
  const left = tokens.get(leaver.signal)
  const stayed = tokens.get(patient)
  const reason = new GatewayError('client_closed', 'gone')
  leaver.abort(reason)
  await assert.rejects(async () => left, reason)
  assert.equal(signals[0]?.aborted, false)
  give(1)
  assert.equal(await stayed, 't1')
})

test('who has left already starts no fetch', async () => {
  const { tokens, asked } = slowGiver()
  const reason = new GatewayError('client_closed', 'gone')
  await assert.rejects(async () => tokens.get(AbortSignal.abort(reason)), reason)
  assert.equal(asked.length, 0)
})

test('a giver that never answers is given up after ten seconds, and leaves no timer', async () => {
  const { clock, tokens, signals } = slowGiver()
  const waiting = assert.rejects(async () => tokens.get(patient), code('upstream_timeout', /10 s/))
  await clock.advance(10_000)
  await waiting
  assert.equal(signals[0]?.aborted, true)
  assert.equal(clock.pending, 0)
})

test('a refused one is forgotten, unless it is so new that another must be meant', async () => {
  const { clock, tokens, asked, give } = await holding()
  assert.equal(tokens.refused(), false)
  assert.equal(tokens.get(patient), 't1')
  await clock.advance(10_000)
  assert.equal(tokens.refused(), true)
  assert.equal(tokens.refused(), true, 'the second of two refusals side by side')
  const next = tokens.get(patient)
  assert.equal(asked.length, 2)
  give(2)
  assert.equal(await next, 't2')
  assert.equal(tokens.refused(), true, 'a late one, of the one before')
  assert.equal(tokens.get(patient), 't2')
})

test('closing ends what is under way', async () => {
  const { clock, tokens } = slowGiver()
  const waiting = assert.rejects(async () => tokens.get(patient), code('gateway_shutdown'))
  tokens.close()
  await waiting
  assert.equal(clock.pending, 0)
})

test('of an error that is not ours only short names are told: the rest may hold what was sent', async () => {
  const secret = 'eyJhbGciOi-secret'
  const failing = (thrown: unknown): Renewing<string> =>
    new Renewing({
      clock: new ManualClock(),
      giver: 'The giver',
      fetch: () => Promise.reject(thrown),
    })
  const library = Object.assign(new Error(`assertion=${secret}`), {
    config: { data: secret },
    response: { data: { error: 'invalid_grant' } },
    code: `${secret} ${secret}`,
  })
  await assert.rejects(
    async () => failing(library).get(patient),
    (thrown) =>
      code('upstream_auth_failed', /^The giver gave nothing \(invalid_grant\)$/)(thrown) &&
      !JSON.stringify([thrown, (thrown as Error).cause]).includes(secret),
  )
  await assert.rejects(
    async () => failing(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })).get(patient),
    code('upstream_unreachable', /ECONNREFUSED/),
  )
})
