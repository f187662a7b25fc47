import assert from 'node:assert/strict'
import test from 'node:test'
import { unbound, type VirtualKey } from '../core/principal.ts'
import { hashKey, KeyTable } from './key-table.ts'

const secret = Buffer.alloc(32, 7)
const value = 'sk-bf-0f0e0d0c-1111-4222-8333-444455556666'
const key = (name: string, of: string, with_ = secret): VirtualKey => ({
  name,
  hash: hashKey(of, with_),
  enabled: true,
  expiresAt: null,
  principal: {
    ...unbound,
    kind: 'virtual-key',
    name,
    models: null,
    forwardHeaders: [],
    mayPin: false,
  },
})

test('a key is found by its value, in either case, and by nothing near it', () => {
  const table = new KeyTable([key('a', value), key('b', `${value}0`)], secret)
  assert.equal(table.find(value)?.name, 'a')
  assert.equal(table.find(value.toUpperCase())?.name, 'a')
  assert.equal(table.find(`${value}0`)?.name, 'b')
  for (const other of [
    '',
    value.slice(0, -1),
    ` ${value}`,
    `${value} `,
    'sk-bf-',
    hashKey(value, secret),
  ])
    assert.equal(table.find(other), null, other)
  assert.equal(table.size, 2)
})

test('a value too long to be a key is not even hashed', () => {
  const long = `sk-bf-${'a'.repeat(600)}`
  assert.equal(new KeyTable([key('a', long)], secret).find(long), null)
})

test('another secret knows none of the keys', () => {
  assert.equal(new KeyTable([key('a', value)], Buffer.alloc(32, 8)).find(value), null)
})

test('a hash tells nothing of the key and is the same every time', () => {
  const hash = hashKey(value, secret)
  assert.match(hash, /^[0-9a-f]{64}$/)
  assert.equal(hash, hashKey(value, secret))
  assert.ok(!JSON.stringify(new KeyTable([key('a', value)], secret)).includes(value))
})
