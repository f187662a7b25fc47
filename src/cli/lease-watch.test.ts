import assert from 'node:assert/strict'
import test from 'node:test'
import { pino } from 'pino'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { LeaseWatch } from './lease-watch.ts'

function open() {
  const clock = new ManualClock()
  const state = { isDown: false, forgotten: 0, silent: [] as string[], ended: [] as string[] }
  const check = (): void => {
    if (state.isDown) throw new Error('down')
  }
  const watch = new LeaseWatch({
    node: 'me',
    clock,
    time: { sync: async () => check(), now: () => clock.now() },
    logger: pino({ enabled: false }),
    budgets: { forget: () => void state.forgotten++ },
    store: {
      async keepJobs() {
        check()
        return []
      },
      async listLeaseNodes(silentSince) {
        assert.equal(silentSince, clock.now() - 30_000)
        return state.silent
      },
      async endNodeLeases(node, shouldCharge) {
        state.ended.push(`${node} ${shouldCharge}`)
        return []
      },
    },
  })
  return { clock, state, watch }
}

test('what silent nodes have taken ahead is charged, and never this one itself', async () => {
  const { state, watch } = open()
  state.silent = ['me', 'other']
  await watch.look()
  assert.deepEqual(state.ended, ['other true'])
})

test('a node that was not heard for long counts on nothing it has taken ahead', async () => {
  const { clock, state, watch } = open()
  await watch.look()
  state.isDown = true
  for (let look = 0; look < 9; look++) {
    await clock.advance(2000)
    await assert.rejects(watch.look())
  }
  assert.equal(state.forgotten, 0)
  await clock.advance(4000)
  await assert.rejects(watch.look())
  assert.equal(state.forgotten, 1)
  state.isDown = false
  await watch.look()
  const before = state.forgotten
  await clock.advance(2000)
  await watch.look()
  assert.equal(state.forgotten, before)
})
