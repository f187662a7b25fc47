import assert from 'node:assert/strict'
import { test } from 'node:test'
import { phases } from './kill-report.ts'
import { runKillRounds } from './kill-rounds.ts'

test('no acknowledged job is lost or stored twice when the gateway is killed', async (t) => {
  const seed = Date.now() % 1_000_000
  const report = await runKillRounds({ rounds: 10, jobs: 20, seed })
  t.diagnostic(`seed ${seed}\n${report.render()}`)
  assert.deepEqual(report.violations, [], `seed ${seed}`)
  assert.equal(report.rounds, 10)
  const met = phases.filter((phase) => phase !== 'done' && report.killsIn(phase) > 0)
  assert.ok(met.length > 0, 'no kill met a job that was not done')
  assert.ok(report.recoveriesMs.length > 0, 'nothing had to be taken up again')
})
