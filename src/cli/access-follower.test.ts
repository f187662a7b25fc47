import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { AccessFollower } from './access-follower.ts'

function open(shared: boolean) {
  const clock = new ManualClock()
  const state = {
    version: 1,
    applied: [] as number[],
    isDown: false,
    gate: null as Promise<void> | null,
  }
  const follower = new AccessFollower({
    clock,
    warn() {},
    store: {
      shared,
      async accessVersion() {
        if (state.isDown) throw new Error('down')
        return state.version
      },
    },
    async apply() {
      if (state.isDown) throw new Error('down')
      const seen = state.version
      await state.gate
      state.applied.push(seen)
    },
  })
  return { clock, state, follower }
}

test('what another node changed is in force after half a second, and looked for no oftener', async () => {
  const { clock, state, follower } = open(true)
  await follower.start()
  await clock.advance(499)
  state.version = 2
  await clock.advance(1)
  assert.deepEqual(state.applied, [2])
  await clock.advance(5000)
  assert.deepEqual(state.applied, [2])
  follower.stop()
})

test('alone on its store nothing is asked for', async () => {
  const { clock, state, follower } = open(false)
  await follower.start()
  state.version = 2
  await clock.advance(5000)
  assert.deepEqual(state.applied, [])
  await follower.renew()
  assert.deepEqual(state.applied, [2])
  follower.stop()
})

test('who writes while another change is put in force waits for a reading that began later', async () => {
  const { state, follower } = open(false)
  const { promise, resolve } = Promise.withResolvers<void>()
  state.gate = promise
  const first = follower.renew()
  await Promise.resolve().then(() => {})
  await new Promise((done) => setImmediate(done))
  state.version = 2
  const [second, third] = [follower.renew(), follower.renew()]
  resolve()
  await Promise.all([first, second, third])
  assert.deepEqual(state.applied, [1, 2], 'those that wait share one reading')
})

test('what could not be put in force is told, and tried again until it is', async () => {
  const { clock, state, follower } = open(false)
  await follower.start()
  state.isDown = true
  await assert.rejects(follower.renew(), { code: 'storage_unavailable' })
  await clock.advance(2000)
  assert.deepEqual(state.applied, [])
  state.isDown = false
  await clock.advance(500)
  assert.deepEqual(state.applied, [1])
  follower.stop()
})

test('G22 a shared store that is silent is behind after five seconds and stale after a minute, and known again at once', async () => {
  const { clock, state, follower } = open(true)
  assert.equal(follower.known(), 'known')
  await follower.start()
  await clock.advance(30_000)
  assert.equal(follower.known(), 'known')
  state.isDown = true
  await clock.advance(5000)
  assert.equal(follower.known(), 'known')
  await clock.advance(600)
  assert.equal(follower.known(), 'behind')
  await clock.advance(54_000)
  assert.equal(follower.known(), 'behind')
  await clock.advance(1500)
  assert.equal(follower.known(), 'stale')
  clock.jump(-3_600_000)
  assert.equal(follower.known(), 'stale')
  state.isDown = false
  await clock.advance(500)
  assert.equal(follower.known(), 'known')
  follower.stop()
})

test('G22 a change that is seen and cannot be put in force does not count as known', async () => {
  const { clock, state, follower } = open(true)
  await follower.start()
  const { promise, resolve } = Promise.withResolvers<void>()
  state.gate = promise
  state.version = 2
  await clock.advance(61_000)
  assert.equal(follower.known(), 'stale')
  resolve()
  await new Promise((done) => setImmediate(done))
  await clock.advance(500)
  assert.equal(follower.known(), 'known')
  follower.stop()
})

test('alone on its store what is in force is always what there is', async () => {
  const { clock, state, follower } = open(false)
  await follower.start()
  state.isDown = true
  await clock.advance(120_000)
  assert.equal(follower.known(), 'known')
  follower.stop()
})
