import assert from 'node:assert/strict'
import { test } from 'node:test'
import { traceJobs } from './fsync-trace.ts'

test('a submit is answered once its job is synced to the disk, and a poll with a result once that is', async (t) => {
  const { skipped, acknowledged, results, violations } = await traceJobs(20)
  if (skipped !== null) return t.skip(skipped)
  assert.deepEqual(violations, [])
  assert.deepEqual([acknowledged, results], [20, 20])
})
