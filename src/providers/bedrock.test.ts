import assert from 'node:assert/strict'
import test from 'node:test'
import { bedrock } from './bedrock.ts'

const path = (model: string, stream: boolean): string =>
  bedrock.chat.path(model, { apiVersion: null, callerApiVersion: null, stream, cloud: {} })

test('a model is one segment of the path, also where its id is an ARN', () => {
  assert.equal(
    path('us.amazon.nova-2-lite-v1:0', false),
    '/model/us.amazon.nova-2-lite-v1%3A0/converse',
  )
  assert.equal(
    path('arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc', true),
    '/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Aapplication-inference-profile%2Fabc/converse-stream',
  )
})

test('an API key goes as a bearer token', () => {
  assert.deepEqual(bedrock.authorize('key'), { authorization: 'Bearer key' })
})
