import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import type { Route } from '../core/route.ts'
import { chanceFor } from './chance.ts'
import { Health } from './health.ts'
import { planTargets } from './plan.ts'

const names = ['a', 'b', 'c'] as const
type Name = (typeof names)[number]
type Speeds = Readonly<Record<Name, number>>

const route: Route = {
  name: 'r',
  strategy: 'least-latency',
  targets: names.map((model) => ({ provider: 'p', model, weight: 1 })),
  fallbacks: [],
  hedge: null,
}

/** Three targets that answer at the speeds a test gives them, called again and again. */
class Stage {
  readonly clock = new ManualClock(0)
  readonly health = new Health(this.clock, () => 0.5)
  speeds: Speeds
  #seed = 11

  constructor(speeds: Speeds) {
    this.speeds = speeds
  }

  readonly random = (): number => {
    this.#seed = (this.#seed * 1664525 + 1013904223) % 2 ** 32
    return this.#seed / 2 ** 32
  }

  /** One call: where it went. Time moves on by `everyMs`. */
  async call(session: string | null = null, everyMs = 100): Promise<Name> {
    const [first] = planTargets(
      [route],
      ({ provider, model }) => this.health.target(provider, model, null),
      chanceFor(session, this.random),
    )
    const name = first?.target.model as Name
    this.health.took({ ...this.way(name), quotaGroup: '' }, this.speeds[name])
    await this.clock.advance(everyMs)
    return name
  }

  way(name: Name): { provider: string; model: string; key: null } {
    return { provider: 'p', model: name, key: null }
  }

  async share(calls: number, of: Name): Promise<number> {
    let count = 0
    for (let n = 0; n < calls; n++) if ((await this.call()) === of) count++
    return count / calls
  }
}

test('while every figure is fresh all calls go to the quickest', async () => {
  const stage = new Stage({ a: 300, b: 100, c: 200 })
  assert.equal(await stage.call(), 'a')
  assert.equal(await stage.call(), 'b')
  assert.equal(await stage.call(), 'c')
  assert.equal(await stage.share(290, 'b'), 1)
})

test('a twentieth of the calls measures what was not measured for half a minute', async () => {
  const stage = new Stage({ a: 300, b: 100, c: 200 })
  await stage.share(300, 'b')
  let measured = 0
  // Each measuring makes a figure fresh again, so the calls are spread over hours.
  for (let n = 0; n < 2000; n++) if ((await stage.call(null, 40_000)) !== 'b') measured++
  assert.ok(measured > 60 && measured < 140, String(measured))
})

test('the share moves to a target that has become quick, within a hundred calls', async () => {
  const stage = new Stage({ a: 300, b: 100, c: 310 })
  assert.ok((await stage.share(1000, 'b')) > 0.95)
  stage.speeds = { a: 90, b: 290, c: 310 }
  await stage.clock.advance(30_000)
  await stage.share(100, 'a')
  assert.ok((await stage.share(100, 'a')) > 0.9)
  // And back.
  stage.speeds = { a: 300, b: 100, c: 310 }
  await stage.clock.advance(30_000)
  await stage.share(100, 'b')
  assert.ok((await stage.share(100, 'b')) > 0.9)
})

test('what is measured weighs the more, the older the figure before is', async () => {
  const figureAfter = async (ageMs: number): Promise<number> => {
    const { health, clock } = new Stage({ a: 0, b: 0, c: 0 })
    const way = { provider: 'p', model: 'a', key: null, quotaGroup: '' }
    health.took(way, 1000)
    await clock.advance(ageMs)
    health.took(way, 100)
    return Math.round(health.target('p', 'a', null).latencyMs ?? 0)
  }
  assert.equal(await figureAfter(0), 820)
  assert.equal(await figureAfter(30_000), 460)
  assert.equal(await figureAfter(3_600_000), 100)
})

test('a session stays with its target while that is at most twice as slow as the quickest', async () => {
  const stage = new Stage({ a: 200, b: 100, c: 150 })
  const homes = new Map<string, Name>()
  const counts = { a: 0, b: 0, c: 0 }
  for (let n = 0; n < 300; n++) {
    const home = await stage.call(`s${n}`, 0)
    homes.set(`s${n}`, home)
    counts[home]++
  }
  for (const count of Object.values(counts)) assert.ok(count > 70, JSON.stringify(counts))
  for (const [session, home] of homes) assert.equal(await stage.call(session, 1000), home)
})

test('a session leaves a target that is much slower, and no other session does', async () => {
  const stage = new Stage({ a: 100, b: 100, c: 100 })
  const sessions = Array.from({ length: 200 }, (_, n) => `s${n}`)
  const homes = new Map<string, Name>()
  for (const session of sessions) homes.set(session, await stage.call(session, 0))
  stage.speeds = { a: 100, b: 100, c: 500 }
  for (const session of sessions) await stage.call(session, 0)
  for (const session of sessions) {
    const now = await stage.call(session, 0)
    if (homes.get(session) === 'c') assert.notEqual(now, 'c')
    else assert.equal(now, homes.get(session))
  }
})

test('a session leaves a target that is taken out, and is back once that has recovered', async () => {
  const stage = new Stage({ a: 100, b: 100, c: 100 })
  const session = 's1'
  const home = await stage.call(session)
  assert.equal(await stage.call(session), home)
  const way = { ...stage.way(home), quotaGroup: '' }
  for (let n = 0; n < 5; n++) stage.health.failed(way, stage.health.begin(way))
  assert.notEqual(await stage.call(session), home)
  await stage.clock.advance(40_000)
  for (let n = 0; n < 2; n++) stage.health.succeeded(way, stage.health.begin(way))
  assert.equal(await stage.call(session), home)
})

test('where every call has a session a slow target is measured again too, by few of them', async () => {
  const stage = new Stage({ a: 100, b: 100, c: 500 })
  const sessions = Array.from({ length: 400 }, (_, n) => `s${n}`)
  const toC = async (): Promise<number> => {
    let count = 0
    for (const session of sessions) if ((await stage.call(session, 0)) === 'c') count++
    return count
  }
  await toC()
  assert.equal(await toC(), 0)
  await stage.clock.advance(31_000)
  // The first that looks in makes the figure fresh again.
  assert.equal(await toC(), 1)
  stage.speeds = { a: 100, b: 100, c: 100 }
  await stage.clock.advance(300_000)
  await toC()
  assert.ok((await toC()) > 100)
})
