import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cases, measure, openFailing } from './amplification.ts'
import { runDeadKey } from './dead-key.ts'
import { runRaces } from './keep-alive-races.ts'
import { describeFailures } from './load-client.ts'
import { runOverload } from './overload.ts'
import { cutOf, runRolling } from './rolling-restart.ts'

test('U43: a kept connection that closes as it is taken is never seen by a client', async (t) => {
  for (const together of [1, 8]) {
    const races = await runRaces(50, together)
    t.diagnostic(`${together} at a time: ${races.met} races, ${races.repeated} repeated`)
    assert.equal(races.failed, 0, `${together} at a time: ${races.failures}`)
    assert.ok(races.met >= 50)
    assert.ok(races.repeated >= races.met, 'each race took a second attempt')
  }
})

test('one dead key of three is not seen by a client, and hardly asked', async (t) => {
  const { failed, failures, asked, upstreamCalls } = await runDeadKey(600, 8)
  t.diagnostic(`the dead key was asked ${asked} times in ${upstreamCalls} upstream calls`)
  assert.equal(failed, 0, failures)
  // Those that began together before the first refusal was known.
  assert.ok(asked >= 1 && asked <= 8, String(asked))
  assert.equal(upstreamCalls, 600 + asked)
})

test('when everything fails slowly, hardly more is asked of the provider than by the clients', async (t) => {
  const stage = await openFailing()
  try {
    for (const each of cases.filter(({ failsAfterMs }) => failsAfterMs > 0)) {
      const { factor } = await measure(stage, each, 1500, 50)
      t.diagnostic(`${each.name}: ${factor.toFixed(2)} upstream calls each`)
      assert.ok(factor >= 1 && factor < 1.25, `${each.name}: ${factor}`)
    }
  } finally {
    await stage.close()
  }
})

test('gateways behind a balancer are restarted in turn without a failed call or a cut stream', async (t) => {
  const { plain, streams } = await runRolling({ restarts: 2, plain: 6, streams: 6 })
  t.diagnostic(`${plain.length} plain calls, ${streams.length} streams`)
  assert.equal(describeFailures(plain), 'none')
  assert.equal(cutOf(streams), 0)
  assert.equal(describeFailures(streams), 'none')
})

test('with five times as many calls as places each is answered or refused as overloaded', async (t) => {
  const { peak, goodput, refused, others, refusedMs } = await runOverload(1)
  t.diagnostic(`${goodput} of ${peak} answers/s, ${refused} refused in ${refusedMs.p99} ms (p99)`)
  assert.deepEqual(others, [])
  assert.ok(refused > 100, String(refused))
  assert.ok(goodput > peak / 2, `${goodput} of ${peak}`)
})
