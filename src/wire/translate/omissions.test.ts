import assert from 'node:assert/strict'
import test from 'node:test'
import { Omissions } from './omissions.ts'

test('a few places are named one by one, many of one kind by their kind', () => {
  const omissions = new Omissions('Somebody', false)
  omissions.drop('messages[0].name')
  omissions.drop('messages[0].name')
  omissions.drop('messages[7].name')
  assert.deepEqual(omissions.dropped, ['messages[0].name', 'messages[7].name'])
  omissions.drop('store')
  for (let at = 8; at < 400; at++) omissions.drop(`messages[${at}].name`)
  assert.deepEqual(omissions.dropped, ['messages[].name', 'store'])
})
