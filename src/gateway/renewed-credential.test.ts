import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf } from '../../tests/faults/upstream/provider-fixture.ts'
import { fail, good, outcome, run } from '../../tests/support/attempt-rig.ts'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { GatewayError } from '../core/errors.ts'
import { sendBearerToken } from '../credentials/bearer-token.ts'
import type { Credential } from '../credentials/credential.ts'
import { Renewing } from '../credentials/renewing.ts'
import { Health } from '../routing/health.ts'

const keys = ['a', 'b'].map((name) => ({ ...keyOf(name), value: null }))

/** Tokens 1, 2, …: the next one after a refusal, as long as there are some. */
function tokens(last: number): Credential {
  let n = 1
  return {
    headersFor: () => ['authorization', `Bearer sk-secret-${n}`],
    refused: () => n < last && ++n > 0,
    secrets: () => [`sk-secret-${n}`],
  }
}

test('a refused token is replaced and the same key asked once more, before it is set aside', async () => {
  const ran = run({
    keys: keys.slice(0, 1),
    credential: tokens(2),
    replies: { 'up/1': [fail(401)], 'up/2': [good] },
  })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/1', 'up/2'])
  assert.equal(ran.call.attempts.length, 2)
})

test('a new token that is refused as well sets the key aside', async () => {
  const ran = run({
    keys: keys.slice(0, 1),
    credential: tokens(9),
    replies: { up: [fail(401)] },
  })
  assert.equal(await outcome(ran), 'upstream_auth_failed 502 retried')
  assert.deepEqual(ran.sent, ['up/1', 'up/2'])
})

test('many whose token is refused side by side all go on with the new one, and the key is not set aside', async () => {
  const clock = new ManualClock()
  let given = 0
  const tokens = new Renewing({
    clock,
    giver: 'The giver',
    fetch: async () => ({ value: { token: `sk-secret-${++given}` }, lifetimeMs: 3600_000 }),
  })
  await tokens.get(new AbortController().signal)
  await clock.advance(60_000)
  const shared = { clock, health: new Health(clock, () => 0.5) }
  const each = {
    keys: keys.slice(0, 1),
    credential: sendBearerToken(tokens),
    replies: { 'up/1': [{ afterMs: 20, reply: fail(401) }], 'up/2': [good] },
    shared,
  }
  const all = [run(each), run(each), run(each)]
  for (const ran of all) assert.equal(await outcome(ran), 'reply')
  assert.equal(given, 2)
  assert.equal(shared.health.rests('up')?.of('a', 'a', clock.monotonic()) ?? null, null)
})

test('where there is no other token the next key is asked', async () => {
  const ran = run({ keys, credential: tokens(1), replies: { up: [fail(401), good] } })
  assert.equal(await outcome(ran), 'reply')
  assert.equal(ran.sent.length, 2)
})

test('who gets no token sends nothing, and says so without the secret', async () => {
  const none: Credential = {
    headersFor: () => {
      throw new GatewayError('upstream_auth_failed', 'no token for sk-secret-9', {
        dispatched: false,
      })
    },
    refused: () => assert.fail('the provider refused nothing'),
    secrets: () => ['sk-secret-9'],
  }
  const ran = run({ keys: keys.slice(0, 1), credential: none, replies: {} })
  await assert.rejects(ran.answer, (error: GatewayError) => {
    assert.equal(error.code, 'upstream_auth_failed')
    assert.equal(error.message, 'Provider "up", key "a": no token for [key]')
    return true
  })
  assert.deepEqual(ran.sent, [])
  assert.equal(ran.call.attempts.length, 0)
})
