import assert from 'node:assert/strict'
import test from 'node:test'
import { Compile } from 'typebox/compile'
import { openapiDocument } from './openapi.ts'
import type { OpenApiOperation } from './openapi-document.ts'

const document = openapiDocument({ version: '1.2.3', publicUrl: 'https://ai.example.com/' })
// What a client reads is the text, so that is what is checked.
const published = JSON.parse(JSON.stringify(document)) as typeof document

const operations = Object.entries(published.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
)
const operationCalled = (id: string): OpenApiOperation & { path: string; method: string } => {
  const found = operations.find((operation) => operation.operationId === id)
  assert.ok(found, id)
  return found
}

function* nodesOf(node: unknown): Generator<Record<string, unknown>> {
  if (typeof node !== 'object' || node === null) return
  if (!Array.isArray(node)) yield node as Record<string, unknown>
  for (const child of Object.values(node)) yield* nodesOf(child)
}

test('it is OpenAPI 3.1 of this version at the public address', () => {
  assert.match(published.openapi, /^3\.1\.\d+$/)
  assert.equal(published.info.version, '1.2.3')
  assert.deepEqual(published.servers, [{ url: 'https://ai.example.com' }])
  assert.deepEqual(openapiDocument({ version: '1' }).servers, [{ url: '/' }])
})

test('every reference leads to a component, and every component is used', () => {
  const used = new Set<string>()
  for (const node of nodesOf(published)) {
    const target = node['$ref']
    if (target === undefined) continue
    assert.match(String(target), /^#\/components\/\w+\/[\w-]+$/)
    const [kind = '', name = ''] = String(target).split('/').slice(2)
    const components = published.components as Record<string, Record<string, unknown>>
    assert.ok(components[kind]?.[name], String(target))
    used.add(`${kind}/${name}`)
  }
  for (const kind of ['schemas', 'responses', 'headers'] as const) {
    for (const name of Object.keys(published.components[kind])) {
      assert.ok(used.has(`${kind}/${name}`), `${kind}/${name} is never used`)
    }
  }
})

test('operation ids are unique, and every operation has a summary, a known tag and replies', () => {
  const ids = operations.map((operation) => operation.operationId)
  assert.equal(new Set(ids).size, ids.length)
  const tags = new Set(published.tags.map((tag) => tag.name))
  for (const operation of operations) {
    assert.notEqual(operation.summary, '')
    assert.ok(operation.tags.length > 0 && operation.tags.every((tag) => tags.has(tag)))
    assert.ok(['200', '201', '204'].some((status) => status in operation.responses))
    for (const [status, reply] of Object.entries(operation.responses)) {
      assert.match(status, /^[2-5]\d\d$/)
      assert.ok('$ref' in (reply as object) || 'description' in (reply as object))
    }
  }
})

test('every parameter of a path is declared as required, and no other path parameter is', () => {
  for (const { path, parameters = [], operationId } of operations) {
    const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1])
    const declared = parameters.filter((parameter) => parameter.in === 'path')
    assert.deepEqual(
      declared.map((parameter) => [parameter.name, parameter.required]),
      inPath.map((name) => [name, true]),
      operationId,
    )
  }
})

test('every credential that is asked for is defined', () => {
  for (const operation of operations) {
    for (const name of operation.security.flatMap((one) => Object.keys(one))) {
      assert.ok(name in published.components.securitySchemes, name)
    }
  }
})

test('all routes of this version are described', () => {
  assert.deepEqual(operations.map(({ method, path }) => `${method} ${path}`).sort(), [
    'delete /api/customers/{id}',
    'delete /api/jobs/{id}',
    'delete /api/limits/{kind}/{name}',
    'delete /api/providers/{name}',
    'delete /api/providers/{name}/keys/{key}',
    'delete /api/sessions/{id}',
    'delete /api/teams/{id}',
    'delete /api/virtual-keys/{id}',
    'delete /v1/async/chat/completions/{id}',
    'get /api/audit',
    'get /api/budgets',
    'get /api/config',
    'get /api/customers',
    'get /api/customers/{id}',
    'get /api/health/targets',
    'get /api/jobs',
    'get /api/jobs/{id}',
    'get /api/ledger',
    'get /api/limits',
    'get /api/limits/{kind}/{name}',
    'get /api/logs',
    'get /api/logs/export',
    'get /api/logs/facets',
    'get /api/logs/tail',
    'get /api/logs/{id}',
    'get /api/models',
    'get /api/overview',
    'get /api/prices',
    'get /api/prices/effective',
    'get /api/providers',
    'get /api/providers/{name}',
    'get /api/providers/{name}/keys',
    'get /api/providers/{name}/keys/{key}',
    'get /api/session',
    'get /api/sessions',
    'get /api/teams',
    'get /api/teams/{id}',
    'get /api/usage',
    'get /api/virtual-keys',
    'get /api/virtual-keys/{id}',
    'get /docs',
    'get /health',
    'get /livez',
    'get /metrics',
    'get /models',
    'get /models/{id}',
    'get /openai/models',
    'get /openai/models/{id}',
    'get /openai/openai/models',
    'get /openai/openai/models/{id}',
    'get /openai/v1/models',
    'get /openai/v1/models/{id}',
    'get /openapi.json',
    'get /readyz',
    'get /v1/async/chat/completions/{id}',
    'get /v1/async/jobs',
    'get /v1/models',
    'get /v1/models/{id}',
    'patch /api/customers/{id}',
    'patch /api/providers/{name}',
    'patch /api/providers/{name}/keys/{key}',
    'patch /api/teams/{id}',
    'patch /api/virtual-keys/{id}',
    'post /api/config/reload',
    'post /api/config/validate',
    'post /api/customers',
    'post /api/explain',
    'post /api/ledger/recount',
    'post /api/ledger/reprice',
    'post /api/providers',
    'post /api/providers/{name}/keys',
    'post /api/providers/{name}/keys/{key}/disable',
    'post /api/providers/{name}/keys/{key}/enable',
    'post /api/providers/{name}/keys/{key}/rotate',
    'post /api/providers/{name}/test',
    'post /api/session/login',
    'post /api/session/logout',
    'post /api/session/logout-everywhere',
    'post /api/session/password',
    'post /api/teams',
    'post /api/virtual-keys',
    'post /api/virtual-keys/{id}/disable',
    'post /api/virtual-keys/{id}/enable',
    'post /api/virtual-keys/{id}/rotate',
    'post /chat/completions',
    'post /openai/chat/completions',
    'post /openai/deployments/{deployment-id}/chat/completions',
    'post /openai/openai/deployments/{deployment-id}/chat/completions',
    'post /openai/v1/chat/completions',
    'post /v1/async/chat/completions',
    'post /v1/chat/completions',
    'put /api/limits/{kind}/{name}',
  ])
})

test('the two chat operations have the ids, summaries, tags and parameters their clients were made from', () => {
  const openai = operationCalled('openaiCreateChatCompletion')
  assert.equal(openai.path, '/openai/v1/chat/completions')
  assert.equal(openai.summary, 'Create chat completion (OpenAI format)')
  assert.deepEqual(openai.tags, ['OpenAI Integration'])
  const azure = operationCalled('azureCreateChatCompletion')
  assert.equal(azure.path, '/openai/openai/deployments/{deployment-id}/chat/completions')
  assert.equal(azure.summary, 'Create chat completion (Azure OpenAI)')
  assert.deepEqual(azure.tags, ['OpenAI Integration', 'Azure Integration'])
  assert.deepEqual(
    azure.parameters?.slice(0, 2).map(({ name, in: place, required }) => [name, place, required]),
    [
      ['deployment-id', 'path', true],
      ['api-version', 'query', false],
    ],
  )
})

test('every chat operation takes the headers of jobs, as clients of the seed know them', () => {
  for (const { path, parameters = [] } of operations) {
    if (!/(?<!async)\/chat\/completions$/.test(path)) continue
    const [on, id, ttl] = ['x-bf-async', 'x-bf-async-id', 'x-bf-async-job-result-ttl'].map((name) =>
      parameters.find((one) => one.name === name && one.in === 'header' && one.required === false),
    )
    assert.deepEqual(on?.schema, { type: 'string', enum: ['true'] }, path)
    assert.deepEqual(id?.schema, { type: 'string' }, path)
    assert.deepEqual(ttl?.schema, { type: 'integer', default: 3600 }, path)
    const names = parameters.map(({ name }) => name)
    for (const name of ['x-bf-async-wait', 'x-bf-async-on-interrupt', 'Idempotency-Key'])
      assert.ok(names.includes(name), `${path}: ${name}`)
  }
})

test('every chat operation takes any of the four credentials and answers whole or as a stream', () => {
  const chats = operations.filter(({ path }) => /(?<!async)\/chat\/completions$/.test(path))
  assert.equal(chats.length, 6)
  for (const { security, responses, requestBody } of chats) {
    assert.deepEqual(security, [
      { BearerAuth: [] },
      { BasicAuth: [] },
      { VirtualKeyAuth: [] },
      { ApiKeyAuth: [] },
    ])
    assert.deepEqual(Object.keys(responses), [
      ...['200', '400', '401', '402', '403', '404', '405', '408', '409', '413', '415', '422'],
      ...['429', '500', '502', '503', '504'],
    ])
    const success = responses['200'] as { content: object; headers: object }
    assert.deepEqual(Object.keys(success.content), ['application/json', 'text/event-stream'])
    assert.ok('x-request-id' in success.headers && 'x-sluice-attempts' in success.headers)
    assert.equal(requestBody?.required, true)
  }
})

test('operations for monitors and readers need no credentials', () => {
  for (const path of ['/livez', '/readyz', '/health', '/metrics', '/openapi.json', '/docs']) {
    assert.deepEqual(published.paths[path]?.['get']?.security, [], path)
  }
})

test('keys travel in the headers that the schemes name', () => {
  const { VirtualKeyAuth, ApiKeyAuth, BearerAuth, BasicAuth } = published.components.securitySchemes
  assert.partialDeepStrictEqual(VirtualKeyAuth, { type: 'apiKey', in: 'header', name: 'x-bf-vk' })
  assert.partialDeepStrictEqual(ApiKeyAuth, { type: 'apiKey', in: 'header', name: 'x-api-key' })
  assert.partialDeepStrictEqual(BearerAuth, { type: 'http', scheme: 'bearer' })
  assert.partialDeepStrictEqual(BasicAuth, { type: 'http', scheme: 'basic' })
})

test('the example of a request satisfies the schema it stands beside', () => {
  for (const { requestBody, operationId } of operations) {
    if (requestBody === undefined) continue
    const media = requestBody.content['application/json'] as { schema: object; example: unknown }
    const schema = { ...media.schema, components: published.components }
    assert.ok(Compile(schema).Check(media.example), operationId)
    assert.ok(!Compile(schema).Check({}), operationId)
  }
})
