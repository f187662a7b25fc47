import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { ledgerRow } from '../../tests/store-suite-ledger-fixtures.ts'
import { ledgerLine } from './ledger-line.ts'
import { usageSides } from './migrate-usage.ts'
import { openSqliteStore } from './sqlite.ts'

const dayMs = 86_400_000
const march = Date.UTC(2026, 2, 1)

test('sums of before are told by every side afterwards, as if they had been from the beginning', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-migrate-'))
  context.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'sluice.db')
  const store = await openSqliteStore({ file })
  const rows = Array.from({ length: 400 }, (_, n) => ({
    row: ledgerRow(`c${n}/1`, {
      at: march - 40 * dayMs + n * (dayMs / 5),
      keyId: `k${n % 7}`,
      teamId: `t${n % 2}`,
      model: n % 3 ? 'm1' : '"quoted"',
      outcome: n % 5 ? 'answered' : 'failed',
      form: n % 4 ? 'plain' : 'job',
      costNanos: n,
    }),
    charges: [],
  }))
  await store.settleAttempts('n', rows.map(ledgerLine))
  await store.close()
  const db = new DatabaseSync(file)
  const sums = () =>
    db
      .prepare(
        `select grain, at, name, attempts, input_tokens, cost_nanos from usage_sums
         join usage_slots on id = slot where grain >= 5 order by grain, at, name`,
      )
      .all()
  const expected = sums()
  assert.ok(expected.length > 500)
  db.exec(`delete from usage_sums where grain >= 5; drop index virtual_keys_created;
    delete from usage_slots where key_id = '' and model = ''`)
  for (const statement of usageSides) db.exec(statement)
  assert.deepEqual(sums(), expected)
  db.close()
})
