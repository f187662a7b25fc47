import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jobListPath, jobsPath, methodsFor, modelBases } from './route-table.ts'

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

test('jobs are submitted, asked for, cancelled and listed', () => {
  assert.deepEqual(methodsFor(jobsPath), ['POST'])
  for (const id of ['7d1a0b0e-3c52-4b7e-9a35-0d6f1c2e8b44', 'x', 'a/b'])
    assert.deepEqual(methodsFor(`${jobsPath}/${id}`), ['GET', 'HEAD', 'DELETE'])
  assert.deepEqual(methodsFor(jobListPath), ['GET', 'HEAD'])
})

test('an unknown path takes nothing', () => {
  for (const path of [
    '',
    '/livez/',
    '/v1/models/',
    '/v1/modelsx',
    '/v2/models',
    '/v1/chat',
    '/openai/deployments/x',
    '/api/anything',
    '/v1/async',
    '/v1/async/chat/completions/',
    '/v1/async/jobs/x',
  ])
    assert.deepEqual(methodsFor(path), [], path)
})
