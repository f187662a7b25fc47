import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchChat } from './chat-routes.ts'

test('the four plain addresses are chat routes, with any query', () => {
  const routes = [
    '/openai/v1/chat/completions',
    '/openai/chat/completions',
    '/v1/chat/completions',
    '/chat/completions',
  ]
  for (const route of routes)
    for (const query of ['', '?', '?api-version=1&x=/chat/completions'])
      assert.deepEqual(matchChat(route + query), {
        surface: 'openai',
        route,
        deployment: null,
        query: '',
      })
})

test("Azure's addresses name a deployment, still encoded, in both forms", () => {
  for (const prefix of ['/openai/openai/deployments/', '/openai/deployments/'])
    for (const deployment of [
      'gpt-4o',
      'openai/gpt-4o',
      'a%2Fb',
      'chat',
      'chat/completions',
      '..',
      '/',
    ])
      assert.deepEqual(matchChat(`${prefix}${deployment}/chat/completions?api-version=1`), {
        surface: 'azure',
        route: `${prefix}{deployment-id}/chat/completions`,
        deployment,
        query: 'api-version=1',
      })
})

test('everything else is none', () => {
  const others = [
    '',
    '/',
    '*',
    '/v1/chat/completions/',
    '//v1/chat/completions',
    '/v1//chat/completions',
    '/V1/chat/completions',
    '/v1/chat/completions%20',
    '/v1/chat/completions#x',
    '/v1/chat%2Fcompletions',
    '/v1/completions',
    '/v2/chat/completions',
    '/x/v1/chat/completions',
    '/openai/deployments/chat/completions',
    '/openai/deployments//chat/completions',
    '/openai/deployments/a/chat/completions/',
    '/openai/deployments/a/embeddings',
    '/openai/deployments/a?x=/chat/completions',
    '/azure/openai/deployments/a/chat/completions',
    'http://h/v1/chat/completions',
  ]
  for (const url of others) assert.equal(matchChat(url), null, url)
})
