import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fail, good, outcome, run } from '../../tests/support/attempt-rig.ts'
import { GatewayError } from '../core/errors.ts'
import { newLoad } from '../routing/retry-budget.ts'

const two = ['up', 'next']
const begunAfter = ({ call }: ReturnType<typeof run>): number[] =>
  call.attempts.map(({ startedMs }) => startedMs - call.startedMs)

test('the time of a call is its own, not each attempt’s: nobody is asked once it is over', async () => {
  for (const stream of [false, true]) {
    const ran = run({
      replies: { up: ['silence'], next: ['silence'], third: ['silence'] },
      providers: [...two, 'third'],
      stream,
      timeouts: { firstByteMs: 4000, totalMs: 10_000, streamTotalMs: 10_000 },
    })
    assert.equal(await outcome(ran), 'upstream_timeout 504 retried')
    const ends = ran.call.attempts.map(({ endedMs }) => (endedMs ?? 0) - ran.call.startedMs)
    assert.deepEqual(
      [begunAfter(ran), ends],
      [
        [0, 4000, 8000],
        [4000, 8000, 10_000],
      ],
    )
    await assert.rejects(ran.answer, /within 10 s, which is all the time the call had/)
  }
})

test('a job’s run has the time of a job', async () => {
  const ran = run({
    replies: { up: ['silence'] },
    providers: two,
    job: true,
    timeouts: { jobMs: 30_000, firstByteMs: null },
  })
  assert.equal(await outcome(ran), 'upstream_timeout 504')
  assert.deepEqual(ran.sent, ['up/a'])
  assert.equal((ran.call.attempts[0]?.endedMs ?? 0) - ran.call.startedMs, 30_000)
})

test('where time is over between two attempts, that is what is told', async () => {
  const ran = run({
    replies: { up: [{ afterMs: 3000, reply: fail(503) }] },
    providers: two,
    retries: 0,
    timeoutsOf: { next: { totalMs: 3000 } },
  })
  assert.equal(await outcome(ran), 'upstream_timeout 504')
  assert.deepEqual(ran.sent, ['up/a'])
  await assert.rejects(ran.answer, /The time of the call, 3 s, was over/)
})

test('a provider that may take longer is still asked', async () => {
  const ran = run({
    replies: { up: ['silence'], next: [good] },
    providers: two,
    timeouts: { totalMs: 5000 },
    timeoutsOf: { next: { totalMs: 8000 } },
  })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(begunAfter(ran), [0, 5000])
})

test('a wait that would use up what is left is not begun', async () => {
  const load = newLoad()
  const ran = run({
    replies: { up: [fail(503, { 'retry-after': '5' })] },
    timeouts: { totalMs: 5000 },
    load,
  })
  assert.equal(await outcome(ran), 'upstream_error 503')
  assert.equal(ran.sent.length, 1)
  assert.deepEqual(load, newLoad())
})

test('an attempt that had only the end of the time says nothing about its provider', async () => {
  const ran = run({
    replies: { up: ['silence'], next: ['silence'] },
    providers: two,
    timeouts: { firstByteMs: 9000, totalMs: 10_000 },
  })
  await outcome(ran)
  const troubled = ran.health.ways().map(({ provider }) => provider)
  assert.deepEqual(troubled, ['up'])
  assert.ok(ran.call.attempts[1]?.error instanceof GatewayError)
})
