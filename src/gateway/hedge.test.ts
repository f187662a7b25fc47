import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Answered,
  fail,
  good,
  outcome,
  type Reply,
  refused,
  run,
  three,
} from '../../tests/support/attempt-rig.ts'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { GatewayError } from '../core/errors.ts'
import { Health } from '../routing/health.ts'
import { HedgeBook } from '../routing/hedge-book.ts'
import { newLoad } from '../routing/retry-budget.ts'
import type { Hedging } from './hedge.ts'

const two = ['up', 'next']
const late = (afterMs: number, reply: Answered = good): readonly Reply[] => [{ afterMs, reply }]
const begun: Answered = [200, 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n']

interface Stage {
  readonly clock: ManualClock
  readonly hedging: Hedging
}

/** A route whose answers took a tenth of a second so far, with as much saved as `share` allows. */
function stageOf({ share = 1, afterMs = 0, level = 0, samples = 60 } = {}): Stage {
  const clock = new ManualClock()
  const known = new HedgeBook().of('r')
  for (let i = 0; i < samples; i++)
    for (const times of [known.plain, known.stream]) times.note(100, clock.monotonic())
  return { clock, hedging: { rule: { share, afterMs }, known, strain: { level } } }
}

function hedged(
  replies: Parameters<typeof run>[0]['replies'],
  more: Partial<Parameters<typeof run>[0]> = {},
  stage = stageOf(),
): ReturnType<typeof run> {
  const { clock, hedging } = stage
  const shared = { clock, health: new Health(clock, () => 0.5) }
  return run({ replies, providers: two, shared, hedging, ...more })
}

const told = ({ call }: ReturnType<typeof run>): readonly (string | undefined)[] =>
  call.attempts.map(({ role, provider, error }) => `${role} ${provider} ${error?.code ?? 'ok'}`)

test('an answer in its usual time is asked for once', async () => {
  for (const stream of [false, true]) {
    const ran = hedged({ up: late(100, stream ? begun : good) }, { stream })
    await ran.clock.advance(100)
    await ran.answer
    assert.deepEqual(ran.sent, ['up/a'])
    if (!stream) assert.equal(ran.clock.pending, 0)
  }
})

test('who is later than the route’s own times has another asked beside it, and the first to answer wins', async () => {
  for (const stream of [false, true]) {
    const reply = stream ? begun : good
    const ran = hedged({ up: late(5000, reply), next: late(20, reply) }, { stream })
    await ran.clock.advance(99)
    assert.deepEqual(ran.sent, ['up/a'])
    await ran.clock.advance(8)
    assert.deepEqual(ran.sent, ['up/a', 'next/a'])
    await ran.clock.advance(20)
    assert.equal((await ran.answer).kind, stream ? 'stream' : 'reply')
    assert.deepEqual(ran.aborted, ['up/a'])
    assert.deepEqual(told(ran).slice(0, 1), ['first up outrun'])
    assert.equal(ran.call.fallback, 1)
  }
})

test('the first may still win, and stands last then', async () => {
  const ran = hedged({ up: late(150), next: late(5000) })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(told(ran), ['hedge next outrun', 'first up ok'])
  assert.deepEqual(ran.aborted, ['next/a'])
  assert.equal(ran.call.fallback, 0)
  assert.equal(ran.clock.pending, 0)
})

test('what is given up had been sent, so it may be billed, and says nothing about its way', async () => {
  const ran = hedged({ up: ['silence'], next: [good] })
  await outcome(ran)
  assert.equal(ran.call.attempts[0]?.error?.facts.dispatched, true)
  assert.deepEqual(ran.health.ways(), [])
})

test('a floor may give the first one more time than its own times', async () => {
  const ran = hedged({ up: late(1900), next: [good] }, {}, stageOf({ afterMs: 2000 }))
  await ran.clock.advance(1900)
  await ran.answer
  assert.deepEqual(ran.sent, ['up/a'])
})

test('nobody is asked twice where it is not known what is late, or nothing is saved, or there is much to bear', async () => {
  const spent = stageOf()
  spent.hedging.known.budget.spend(1_000_000)
  for (const stage of [
    stageOf({ samples: 49 }),
    stageOf({ share: 0.01 }),
    stageOf({ level: 1 }),
    spent,
  ]) {
    const ran = hedged({ up: late(5000) }, {}, stage)
    assert.equal(await outcome(ran), 'reply')
    assert.deepEqual(ran.sent, ['up/a'])
  }
  const busy = hedged({ up: late(5000) }, { load: { first: 10, repeats: 3 } })
  assert.equal(await outcome(busy), 'reply')
  assert.deepEqual(busy.sent, ['up/a'])
})

test('nobody is asked twice where there is one way only', async () => {
  const ran = hedged({ up: late(5000) }, { providers: ['up'] })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/a'])
})

test('without another target the other key is asked', async () => {
  const replies = { 'up/a': late(5000), 'up/b': [good] }
  const ran = hedged(replies, { providers: ['up'], keys: three.slice(0, 2) })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/a', 'up/b'])
})

test('a target that is out, or whose keys rest, is not asked beside another', async () => {
  const stage = stageOf()
  const health = new Health(stage.clock, () => 0.5)
  const way = { provider: 'next', model: 'm', key: 'a', quotaGroup: 'a' }
  health.limited(way, stage.clock.monotonic(), 60_000)
  const shared = { clock: stage.clock, health }
  const ran = hedged({ up: late(5000) }, { shared }, stage)
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/a'])
})

test('one that failed already is repeated by the rules, and no other asked beside it', async () => {
  const ran = hedged({ up: [fail(503), ...late(5000)] })
  await ran.clock.advance(0)
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/a', 'up/a'])
  assert.deepEqual(told(ran), ['first up upstream_error', 'repeat up ok'])
})

test('when the second fails the first goes on, and the second is not repeated', async () => {
  const load = newLoad()
  const ran = hedged({ up: late(5000), next: [fail(503)] }, { load })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(told(ran), ['hedge next upstream_error', 'first up ok'])
  assert.deepEqual(load, newLoad())
})

test('when the first fails it waits for the second, which may answer', async () => {
  const ran = hedged({ up: late(200, fail(503)), next: late(3000) })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/a', 'next/a'])
  assert.deepEqual(told(ran), ['first up upstream_error', 'hedge next ok'])
})

test('when both fail the first goes on by its rules, without asking again what the second asked', async () => {
  const replies = { up: late(200, fail(500)), next: late(300, fail(500)), third: [good] }
  const ran = hedged(replies, { providers: [...two, 'third'], retries: 0 })
  assert.equal(await outcome(ran), 'reply')
  assert.deepEqual(ran.sent, ['up/a', 'next/a', 'third/a'])
  assert.equal(ran.call.fallback, 2)
})

test('of two failures the truer one is told, and stands last', async () => {
  const replies = { up: late(200, refused), next: late(300, fail(422)) }
  const ran = hedged(replies, { retries: 0 })
  assert.equal(await outcome(ran), 'upstream_rejected 422 retried')
  assert.deepEqual(told(ran), ['first up upstream_unreachable', 'hedge next upstream_rejected'])
  const other = hedged({ up: late(200, fail(400)), next: late(300, fail(503)) }, { retries: 0 })
  assert.equal(await outcome(other), 'upstream_rejected 400 retried')
  assert.deepEqual(told(other), ['hedge next upstream_error', 'first up upstream_rejected'])
})

test('a caller who leaves ends both, and nothing is left counted', async () => {
  for (const stream of [false, true]) {
    const leave = new AbortController()
    const load = newLoad()
    const replies = { up: ['silence'], next: ['silence'] } as const
    const ran = hedged(replies, { signal: leave.signal, load, stream })
    await ran.clock.advance(110)
    assert.deepEqual(load, { first: 1, repeats: 1 })
    leave.abort(new GatewayError('client_closed', 'gone'))
    await assert.rejects(ran.answer, { code: 'client_closed' })
    await ran.clock.advance(0)
    assert.deepEqual(ran.aborted.toSorted(), ['next/a', 'up/a'])
    assert.deepEqual(load, newLoad())
    assert.equal(ran.clock.pending, 0)
    assert.deepEqual(ran.health.ways(), [])
  }
})

test('a caller who leaves while a failed one waits for the second ends the second', async () => {
  const leave = new AbortController()
  const replies = { up: late(200, fail(503)), next: ['silence'] } as const
  const ran = hedged(replies, { signal: leave.signal })
  await ran.clock.advance(300)
  leave.abort(new GatewayError('client_closed', 'gone'))
  await assert.rejects(ran.answer, { code: 'client_closed' })
  assert.deepEqual(ran.aborted, ['next/a'])
  assert.equal(ran.clock.pending, 0)
})

test('two answers in the same moment: one is the answer, and the other’s stream is ended', async () => {
  const ran = hedged({ up: late(207, begun), next: late(100, begun) }, { stream: true })
  await ran.clock.advance(107)
  assert.deepEqual(ran.sent, ['up/a', 'next/a'])
  await ran.clock.advance(100)
  assert.equal((await ran.answer).kind, 'stream')
  assert.equal(ran.call.attempts.length, 2)
})

test('the call’s time ends both', async () => {
  const replies = { up: ['silence'], next: ['silence'] } as const
  const ran = hedged(replies, { timeouts: { totalMs: 3000 } })
  assert.equal(await outcome(ran), 'upstream_timeout 504 retried')
  assert.deepEqual(
    ran.call.attempts.map(({ endedMs }) => (endedMs ?? 0) - ran.call.startedMs),
    [3000, 3000],
  )
})

test('that the latest are given up does not make the others look quicker than they are', async () => {
  const stage = stageOf({ samples: 0 })
  const { plain, budget } = stage.hedging.known
  let asked = 0
  for (let call = 0; call < 1000; call++) {
    const ran = hedged({ up: late(10 * (1 + (call % 20))) }, {}, stage)
    await ran.clock.advance(200)
    await ran.answer
    asked += ran.sent.length - 1
    budget.spend(-1000)
  }
  // Of times from 10 to 200 ms nineteen of twenty are at most 190.
  const p95 = plain.p95(stage.clock.monotonic()) ?? 0
  assert.ok(p95 >= 190 && p95 <= 200, `${p95}`)
  assert.equal(plain.count(stage.clock.monotonic()), 1000)
  assert.ok(asked >= 30 && asked <= 60, `${asked} of 1000 were asked twice`)
})

test('over a thousand calls that are all late, second attempts add what they may and no more', async () => {
  const stage = stageOf({ share: 0.05 })
  const { plain, budget } = stage.hedging.known
  let [prompts, extra] = [0, 0]
  for (let call = 0; call < 1000; call++) {
    // What is late stays late: else each call would teach that it is usual.
    for (let i = 0; i < 20; i++) plain.note(100, stage.clock.monotonic())
    const ran = hedged({ up: late(150) }, {}, stage)
    await ran.clock.advance(150)
    await ran.answer
    prompts++
    extra += ran.sent.length - 1
  }
  assert.ok(extra > 0)
  assert.ok(extra <= prompts * 0.05, `${extra} extra for ${prompts}`)
  assert.equal(budget.coversUsual, false)
})
