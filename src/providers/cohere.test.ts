import assert from 'node:assert/strict'
import test from 'node:test'
import { cohere } from './cohere.ts'

test('Cohere is asked at its second version, with a bearer token', () => {
  const nowhere = { apiVersion: null, callerApiVersion: null, stream: true, cloud: {} }
  assert.equal(
    `${cohere.defaultBaseUrl}${cohere.chat.path('command-a-03-2025', nowhere)}`,
    'https://api.cohere.com/v2/chat',
  )
  assert.deepEqual(cohere.authorize('k'), { authorization: 'Bearer k' })
  assert.equal(cohere.chat.dialect?.('command-a-03-2025').name, 'cohere-chat')
})
