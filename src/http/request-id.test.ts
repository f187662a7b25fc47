import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pickRequestId } from './request-id.ts'

test("the caller's id is kept where it is 1 to 128 printable characters", () => {
  for (const id of ['x', 'a b', '~!"#;=', 'x'.repeat(128)])
    assert.equal(pickRequestId(id, 'ours'), id)
})

test('any other id gives way to ours', () => {
  const others = [
    undefined,
    '',
    ' ',
    ' x',
    'x ',
    'x'.repeat(129),
    'a\r\nb',
    'a\u0000',
    'a\tb',
    'é',
    '\u007f',
    ['x', 'y'],
  ]
  for (const id of others) assert.equal(pickRequestId(id, 'ours'), 'ours', JSON.stringify(id))
})
