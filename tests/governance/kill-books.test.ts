import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingPostgres, startPostgres } from 'test-postgres'
import { runBookKills } from './kill-books.ts'

test('after kill -9 each request a provider saw is in the ledger once, and budgets agree', async (t) => {
  const seed = Date.now() % 1_000_000
  const { violations, sent, interrupted } = await runBookKills({ rounds: 5, seed })
  t.diagnostic(`seed ${seed}: ${sent} requests, ${interrupted} interrupted`)
  assert.deepEqual(violations, [], `seed ${seed}`)
  assert.ok(interrupted > 0, 'no kill met a call under way')
})

test('the same on Postgres', { skip: missingPostgres }, async (t) => {
  const postgres = await startPostgres()
  try {
    const seed = Date.now() % 1_000_000
    const storeUrl = await postgres.createDatabase()
    const { violations, sent, interrupted } = await runBookKills({ rounds: 3, seed, storeUrl })
    t.diagnostic(`seed ${seed}: ${sent} requests, ${interrupted} interrupted`)
    assert.deepEqual(violations, [], `seed ${seed}`)
  } finally {
    await postgres.destroy()
  }
})
