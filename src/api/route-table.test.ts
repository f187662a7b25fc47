import assert from 'node:assert/strict'
import { test } from 'node:test'
import { methodsFor, modelBases } from './route-table.ts'

test('chat routes take POST alone', () => {
  for (const path of [
    '/v1/chat/completions',
    '/openai/chat/completions',
    '/openai/deployments/a/b/chat/completions',
    '/openai/openai/deployments/x/chat/completions',
  ])
    assert.deepEqual(methodsFor(path), ['POST'])
})

test('models and operations are read', () => {
  const models = modelBases.flatMap((base) => [base, `${base}/gpt-4o`, `${base}/openai/gpt-4o`])
  const operations = ['/livez', '/readyz', '/health', '/metrics', '/openapi.json', '/docs']
  for (const path of [...models, ...operations]) assert.deepEqual(methodsFor(path), ['GET', 'HEAD'])
})

test('an unknown path takes nothing', () => {
  for (const path of [
    '',
    '/',
    '/livez/',
    '/v1/models/',
    '/v1/modelsx',
    '/v2/models',
    '/v1/chat',
    '/openai/deployments/x',
    '/api/anything',
  ])
    assert.deepEqual(methodsFor(path), [], path)
})
