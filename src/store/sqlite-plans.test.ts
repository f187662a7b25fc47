import assert from 'node:assert/strict'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { test } from 'node:test'
import { createQueryId, type RootOperationNode, SqliteQueryCompiler } from 'kysely'
import { ends, newJob, roomy, success } from '../../tests/store-suite-fixtures.ts'
import { charge, ledgerRow, ref, wish } from '../../tests/store-suite-ledger-fixtures.ts'
import { jobStatuses } from '../core/job.ts'
import { boundCells } from './bulk.ts'
import { startCommand } from './commands.ts'
import { ledgerLine } from './ledger-line.ts'
import { insertedAlone } from './new-rows.ts'
import { migrate } from './sqlite-migrate.ts'
import type { CommandName } from './store.ts'

const db = new DatabaseSync(':memory:')
migrate(db, 'memory')

/** Runs a command and collects how SQLite goes about each of its queries. */
function plansOf(name: CommandName, args: readonly unknown[]): readonly string[] {
  const plans: string[] = []
  const steps = startCommand(name, args)
  let answer: unknown
  for (;;) {
    const { done, value: step } = steps.next(answer)
    if (done) return plans
    // By its key; there is nothing to choose.
    if (step.kind === 'insertNew')
      answer = step.rows.list.flatMap((row) =>
        db.prepare(insertedAlone(step.rows)).run(...boundCells(row)).changes ? row[0] : [],
      )
    if (step.kind !== 'rows' && step.kind !== 'change') continue
    const node = step.query.toOperationNode() as RootOperationNode
    const { sql, parameters } = new SqliteQueryCompiler().compileQuery(node, createQueryId())
    const values = parameters as readonly SQLInputValue[]
    for (const { detail } of db.prepare(`explain query plan ${sql}`).all(...values))
      plans.push(String(detail))
    answer =
      step.kind === 'rows' ? db.prepare(sql).all(...values) : db.prepare(sql).run(...values).changes
  }
}

const job = newJob({ idempotencyKey: 'k', idempotentUntil: 1e6, sameSince: 0 })
const claim = { id: job.id, fence: 1 }
const rules = { node: 'n', most: 4, runningPerOwner: 9, payloadVersion: 1, leaseUntil: 1e6 }
const filter = { owner: null, status: null, limit: 10, after: null }

// In an order in which each finds something to do.
const commands: readonly [CommandName, readonly unknown[]][] = [
  ['submitJob', [job, roomy, 1]],
  ['submitJob', [newJob(), roomy, 1]],
  ['findJob', [job.id, 2]],
  ['claimJobs', [rules, 2]],
  ['markJobDispatched', [claim, 3]],
  ['keepJobs', ['n', [claim], 1e6, 3]],
  ['handBackJob', [claim, ends, 3]],
  ['recoverJobs', ['m', true, ends, 4]],
  ['recoverJobs', ['m', false, ends, 4]],
  ['claimJobs', [rules, 5]],
  ['finishJob', [{ ...claim, fence: 2 }, success, 6]],
  ['cancelJob', [job.id, null, success, 7]],
  ['countJobs', []],
  ['listJobs', [filter, 7]],
  ['listJobs', [{ ...filter, after: job.id }, 7]],
  ...['ann', null].flatMap((owner) =>
    jobStatuses.map((status): [CommandName, readonly unknown[]] => [
      'listJobs',
      [{ ...filter, owner, status }, 7],
    ]),
  ),
  ['sweepJobs', [10, 1e9]],
]

const settled = [ledgerLine({ row: ledgerRow('c1/1'), charges: [charge('a', 5)] })]
const ask = { from: 0, to: 1e12, by: ['key', 'model'], bucket: null, only: { form: ['plain'] } }
const list = { callId: null, before: null, limit: 10 }
const money: readonly [CommandName, readonly unknown[]][] = [
  ['leaseBudgets', ['n', [wish('a', 10)], 1]],
  ['settleAttempts', ['n', settled]],
  ['readBudgets', [[ref('a')]]],
  ['sumUsage', [ask]],
  ['sumUsage', [{ ...ask, bucket: 'day' }]],
  ['sumUsage', [{ ...ask, bucket: 'hour' }]],
  ['listLedger', [list]],
  ['listLedger', [{ ...list, before: { at: 1e12, id: '' } }]],
  ['listLedger', [{ ...list, callId: 'c1' }]],
  ['repriceRows', [[{ id: 'c1/1', costNanos: 9, price: '', charges: [charge('a', 9)] }]]],
  ['returnLeases', ['n', [{ ...ref('a'), nanos: 1 }]]],
  ['endNodeLeases', ['n', true, 2]],
  ['pruneLedger', [5]],
]

// What waits or runs is limited; `jobs_created` is walked until a page is full.
const mayBeScanned = /^SCAN jobs USING (COVERING )?INDEX jobs_(queued|running|created)$/
const mayBeSorted = /listJobs|claimJobs|sweepJobs/

test('a repeat without a key is looked for among those of its fingerprint', () => {
  const repeat = newJob({ sameSince: 0 })
  const plans = plansOf('submitJob', [repeat, roomy, 1])
  assert.ok(plans.some((step) => /jobs_same \(owner=\? AND fingerprint=\?/.test(step)))
  assert.ok(!plans.some((step) => /TEMP B-TREE/.test(step)))
})

// Pages are read along the index; what is over is looked for among all budgets, now and then.
const mayBeRead = /^SCAN ledger USING INDEX ledger_at$/

test('no command reads through the whole ledger, all sums or all budgets', () => {
  for (const [name, args] of money)
    for (const step of plansOf(name, args))
      if (/^SCAN (ledger|usage_sums|usage_slots|budgets|budget_leases)\b/.test(step))
        if (name !== 'pruneLedger') assert.match(step, mayBeRead, name)
})

test('no command reads through all jobs', () => {
  for (const [name, args] of commands)
    for (const step of plansOf(name, args)) {
      if (/^SCAN (jobs|job_|idem)/.test(step)) assert.match(step, mayBeScanned, name)
      if (/TEMP B-TREE/.test(step)) assert.match(name, mayBeSorted, step)
    }
})
