import assert from 'node:assert/strict'
import { test } from 'node:test'
import { traceSubmits } from './fsync-trace.ts'

test('a submit is answered only after its job was synced to the disk', async (t) => {
  const { skipped, acknowledged, violations } = await traceSubmits(20)
  if (skipped !== null) return t.skip(skipped)
  assert.deepEqual(violations, [])
  assert.equal(acknowledged, 20)
})
