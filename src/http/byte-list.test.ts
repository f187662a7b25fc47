import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc } from '../../tests/support/properties.ts'
import { ByteList } from './byte-list.ts'

const { assert: always, array, nat, property, tuple } = fc

test('pieces of any sizes come out joined in their order', () => {
  // Sizes around the limits between what is kept, what is gathered and what fills a block.
  const size = nat({ max: 20_000 }).chain((large) =>
    nat({ max: 6 }).map((n) => [0, 1, 7, 100, 4095, 4096, large][n] as number),
  )
  void always(
    property(array(tuple(size, nat({ max: 255 })), { maxLength: 40 }), (pieces) => {
      const list = new ByteList()
      const all = pieces.map(([length, fill]) => Buffer.alloc(length, fill))
      for (const piece of all) list.append(Buffer.from(piece))
      return list.take().equals(Buffer.concat(all))
    }),
    { numRuns: 200 },
  )
})

test('a single piece is handed out as it is, without a copy', () => {
  for (const bytes of [Buffer.from('small'), Buffer.alloc(100_000)]) {
    const list = new ByteList()
    list.append(bytes)
    assert.equal(list.take(), bytes)
  }
})

test('a small piece that its owner reuses afterwards is kept as it was', () => {
  const list = new ByteList()
  const reused = Buffer.from('b')
  list.append(Buffer.from('a'))
  list.append(reused)
  reused.write('x')
  assert.equal(list.take().toString(), 'ab')
})

test('a list is empty after it was taken or cleared', () => {
  const list = new ByteList()
  list.append(Buffer.from('one'))
  list.append(Buffer.from('two'))
  assert.equal(list.take().toString(), 'onetwo')
  assert.equal(list.take().length, 0)
  list.append(Buffer.from('three'))
  list.append(Buffer.from('four'))
  list.clear()
  list.append(Buffer.from('five'))
  assert.equal(list.take().toString(), 'five')
})
