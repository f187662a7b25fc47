import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearestName } from './nearest.ts'

test('a typo finds the name it meant', () => {
  const names = ['fallbacks', 'targets', 'strategy']
  assert.equal(nearestName('fallback', names), 'fallbacks')
  assert.equal(nearestName('tragets', names), 'targets')
  assert.equal(nearestName('Strategy', names), 'strategy')
})

test('a word near to nothing gets no suggestion', () => {
  assert.equal(nearestName('colour', ['fallbacks', 'targets']), null)
  assert.equal(nearestName('ca', ['tls', 'max']), null)
})
