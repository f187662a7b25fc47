import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Sealer } from './sealer.ts'

const [old, now, other] = [randomBytes(32), randomBytes(32), randomBytes(32)]
const cannot = { code: 'internal_error' }

test('what is sealed is no clear text, another each time, and opens again', () => {
  const sealer = new Sealer(now)
  const [one, two] = [sealer.seal('canary', 'row'), sealer.seal('canary', 'row')]
  assert.notEqual(one, two)
  assert.doesNotMatch(Buffer.from(one, 'base64').toString('latin1'), /canary/)
  assert.equal(sealer.open(one, 'row'), 'canary')
})

test('it opens in its place alone, by its key alone, and as it was written alone', () => {
  const sealer = new Sealer(now)
  const sealed = sealer.seal('canary', 'row')
  assert.throws(() => sealer.open(sealed, 'other row'), cannot)
  assert.throws(() => sealer.open(sealed), cannot)
  assert.throws(() => new Sealer(other).open(sealed, 'row'), cannot)
  const bytes = Buffer.from(sealed, 'base64')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    assert.throws(() => sealer.open(changed.toString('base64'), 'row'), cannot)
    assert.throws(() => sealer.open(bytes.subarray(0, at).toString('base64'), 'row'), cannot)
  }
})

test('what the former key sealed is read and sealed anew, once', () => {
  const before = new Sealer(old).seal('canary', 'row')
  const both = new Sealer(now, old)
  assert.equal(both.open(before, 'row'), 'canary')
  const after = both.reseal(before, 'row')
  assert.ok(after)
  assert.equal(new Sealer(now).open(after, 'row'), 'canary')
  assert.equal(both.reseal(after, 'row'), null)
  assert.throws(() => both.reseal(new Sealer(other).seal('x', 'row'), 'row'), cannot)
  assert.throws(() => both.reseal(before, 'other row'), cannot)
})
