import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../tests/support/manual-clock.ts'
import { GatewayError } from '../core/errors.ts'
import { LedgerWriter } from './ledger-writer.ts'

function open() {
  const clock = new ManualClock()
  const stored: string[] = []
  const batches: number[] = []
  const warnings: string[] = []
  const state = { isDown: false }
  const writer = new LedgerWriter({
    clock,
    node: 'n',
    warn: (_, what) => warnings.push(what),
    store: {
      async settleAttempts(_node, lines) {
        batches.push(lines.length)
        await null
        if (state.isDown) throw new GatewayError('storage_unavailable', 'down')
        stored.push(...lines)
        return { written: lines.length }
      },
    },
  })
  const written: string[] = []
  const add = (id: string): void => writer.add(id, { close: () => written.push(id) })
  return { clock, writer, stored, batches, warnings, written, state, add }
}

test('lines are written together a moment later, and each is told once', async () => {
  const { clock, add, stored, batches, written, writer } = open()
  add('a')
  add('b')
  assert.equal(writer.waiting, 2)
  await clock.advance(100)
  add('c')
  await clock.advance(100)
  assert.deepEqual(batches, [2, 1])
  assert.deepEqual(stored, ['a', 'b', 'c'])
  assert.deepEqual(written, ['a', 'b', 'c'])
  assert.equal(writer.waiting, 0)
})

test('a store that is down is asked again, seldomer and seldomer, and gets everything in order', async () => {
  const { clock, add, stored, batches, warnings, state } = open()
  state.isDown = true
  add('a')
  for (let second = 0; second < 60; second++) await clock.advance(1000)
  assert.ok(batches.length > 5 && batches.length < 15, String(batches.length))
  assert.equal(warnings.length, 1)
  add('b')
  state.isDown = false
  for (let second = 0; second < 12; second++) await clock.advance(1000)
  assert.deepEqual(stored, ['a', 'b'])
})

test('many lines go in several batches', async () => {
  const { add, writer, batches } = open()
  for (let i = 0; i < 1201; i++) add(String(i))
  await writer.flush()
  assert.deepEqual(batches, [500, 500, 201])
})

test('flushing ends also where the store is down, and leaves no timer', async () => {
  const { clock, add, writer, state } = open()
  state.isDown = true
  add('a')
  await writer.flush()
  writer.stop()
  assert.equal(writer.waiting, 1)
  assert.ok(clock.pending <= 1)
})

test('with a hundred thousand lines in memory it is full', () => {
  const { add, writer } = open()
  for (let i = 0; i < 100_000; i++) add('x')
  assert.equal(writer.isFull, true)
})

test('more lines than a batch holds do not wait for a pause each time', async () => {
  const { clock, add, writer } = open()
  for (let i = 0; i < 20_000; i++) add(String(i))
  await clock.advance(100)
  await clock.advance(1)
  assert.ok(writer.waiting < 500, String(writer.waiting))
})
