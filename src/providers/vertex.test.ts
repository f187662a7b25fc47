import assert from 'node:assert/strict'
import test from 'node:test'
import { gemini } from './gemini.ts'
import { vertex } from './vertex.ts'

const address = { apiVersion: null, callerApiVersion: null, stream: false, cloud: {} }
const cloud = { project: 'acme', location: 'europe-west4' }

test("Gemini's own API has the model and the method in the address", () => {
  const path = (model: string, stream = false): string =>
    gemini.chat.path(model, { ...address, stream })
  assert.equal(path('gemini-3-flash-preview'), '/models/gemini-3-flash-preview:generateContent')
  assert.equal(
    path('models/gemini-2.5-pro', true),
    '/models/gemini-2.5-pro:streamGenerateContent?alt=sse',
  )
  assert.equal(path('tunedModels/mine'), '/tunedModels/mine:generateContent')
  assert.equal(path('a?b'), '/models/a%3Fb:generateContent')
  assert.deepEqual(gemini.authorize('k'), { 'x-goog-api-key': 'k' })
})

test("Vertex names the project, the place and the publisher, and a model's own address stays", () => {
  const path = (model: string, stream = false): string =>
    vertex.chat.path(model, { ...address, stream, cloud })
  const at = '/projects/acme/locations/europe-west4'
  assert.equal(
    path('gemini-2.5-pro'),
    `${at}/publishers/google/models/gemini-2.5-pro:generateContent`,
  )
  assert.equal(
    path('gemini-2.5-pro', true),
    `${at}/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse`,
  )
  assert.equal(path('endpoints/123'), `${at}/endpoints/123:generateContent`)
  assert.equal(
    path('claude-sonnet-4-5@20250929'),
    `${at}/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict`,
  )
  assert.equal(
    path('anthropic/claude-x', true),
    `${at}/publishers/anthropic/models/claude-x:streamRawPredict`,
  )
  assert.equal(
    path('projects/p/locations/l/endpoints/7'),
    '/projects/p/locations/l/endpoints/7:generateContent',
  )
})

test("Vertex speaks Gemini's format, and Anthropic's with its models", () => {
  assert.equal(vertex.chat.dialect?.('gemini-2.5-pro').name, 'vertex-gemini')
  assert.equal(vertex.chat.dialect?.('claude-opus-4').name, 'anthropic-messages')
})
