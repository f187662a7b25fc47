import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownerOf, type Principal, unbound, type VirtualKey } from '../core/principal.ts'
import { adminPrincipal } from './admin-door.ts'
import { KeyTable } from './key-table.ts'
import { principalOfOwner } from './owner.ts'

const anonymous: Principal = {
  ...unbound,
  kind: 'anonymous',
  name: 'anonymous',
  models: ['demo/*'],
  forwardHeaders: [],
  mayPin: false,
}

function key(name: string, more: Partial<VirtualKey> = {}): VirtualKey {
  const principal: Principal = { ...anonymous, ...unbound, kind: 'virtual-key', name }
  return { name, hash: name, enabled: true, expiresAt: null, principal, ...more }
}

const keys = new KeyTable(
  [key('a'), key('off', { enabled: false }), key('old', { expiresAt: 100 }), key('admin')],
  Buffer.alloc(32),
)

test('an owner is found again with the rights it has now', () => {
  const door = { keys, anonymous }
  assert.equal(principalOfOwner('key:a', door, 0).name, 'a')
  assert.equal(principalOfOwner('key:old', door, 99).name, 'old')
  for (const principal of [adminPrincipal, anonymous])
    assert.equal(principalOfOwner(ownerOf(principal), door, 0), principal)
})

test('a key called like somebody else is not taken for him', () => {
  assert.equal(principalOfOwner('key:admin', { keys, anonymous }, 0).kind, 'virtual-key')
  assert.notEqual(ownerOf(key('admin').principal), ownerOf(adminPrincipal))
})

test('who would not be let in any more does not get work done either', () => {
  for (const [owner, now] of [
    ['key:gone', 0],
    ['key:off', 0],
    ['key:old', 100],
    ['anonymous:', 0],
  ] as const)
    assert.throws(() => principalOfOwner(owner, { keys, anonymous: null }, now), {
      code: 'key_revoked',
    })
})
