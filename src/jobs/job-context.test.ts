import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Sealer } from '../governance/sealer.ts'
import { decodeContext, encodeContext, type JobContext } from './job-context.ts'

const context: JobContext = {
  requestId: 'r',
  surface: 'azure',
  deployment: 'gpt-4o',
  dimensions: { team: 'a' },
  extras: {
    headers: { 'x-tenant-token': 'CANARY' },
    apiVersion: '2024-10-21',
    pinnedKey: 'main',
    session: 's',
  },
}

test('what a job needs comes back as it was, and what may be secret is not to be read meanwhile', () => {
  const sealer = new Sealer(randomBytes(32))
  const stored = encodeContext(context, sealer)
  assert.doesNotMatch(stored, /CANARY|tenant/)
  assert.deepEqual(decodeContext(stored, sealer), context)
  const plain = { ...context, extras: { ...context.extras, headers: null } }
  assert.deepEqual(decodeContext(encodeContext(plain, sealer), sealer), plain)
})

test('what was sealed with another key, or is no context, is a fault of ours', () => {
  const stored = encodeContext(context, new Sealer(randomBytes(32)))
  for (const text of [stored, '', '{}', 'null'])
    assert.throws(() => decodeContext(text, new Sealer(randomBytes(32))), {
      name: 'GatewayError',
      code: 'internal_error',
    })
})
