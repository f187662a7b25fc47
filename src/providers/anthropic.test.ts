import assert from 'node:assert/strict'
import test from 'node:test'
import { anthropic } from './anthropic.ts'

test('Anthropic has one address, a version in a header and a header of its own for the key', () => {
  const address = { apiVersion: null, callerApiVersion: null, stream: true, cloud: {} }
  assert.equal(anthropic.chat.path('claude-sonnet-4-5', address), '/v1/messages')
  assert.deepEqual(anthropic.chat.headers, { 'anthropic-version': '2023-06-01' })
  assert.deepEqual(anthropic.authorize('sk-ant-1'), { 'x-api-key': 'sk-ant-1' })
  assert.equal(anthropic.chat.dialect?.('claude-sonnet-4-5').name, 'anthropic-messages')
})
