import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Phase, phases } from './kill-report.ts'
import { runKillRounds } from './kill-rounds.ts'

const isOver: ReadonlySet<Phase> = new Set(['done', 'removed, its time was over'])

// Some fifty starts of a process, which a busy machine takes its time for.
const timeout = 240_000

test('no acknowledged job is lost or stored twice when the gateway is killed', {
  timeout,
}, async (t) => {
  const seed = Date.now() % 1_000_000
  const report = await runKillRounds({ rounds: 10, jobs: 20, seed })
  t.diagnostic(`seed ${seed}\n${report.render()}`)
  assert.deepEqual(report.violations, [], `seed ${seed}`)
  assert.equal(report.rounds, 10)
  const met = phases.filter((phase) => !isOver.has(phase) && report.killsIn(phase) > 0)
  assert.ok(met.length > 0, 'no kill met a job that was not done')
  assert.ok(report.recoveriesMs.length > 0, 'nothing had to be taken up again')
})
