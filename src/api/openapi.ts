import { adminPaths } from './openapi-admin.ts'
import {
  addSchemas,
  anyCredential,
  callHeaders,
  content,
  failureRefs,
  headerRefs,
  headers,
  json,
  type Node,
  ref,
  responses,
  securitySchemes,
} from './openapi-components.ts'
import type { OpenApiDocument, OpenApiOperation, OpenApiParameter } from './openapi-document.ts'
import { asyncHeaders, asyncParameters, jobPaths } from './openapi-jobs.ts'

interface OpenApiFacts {
  readonly version: string
  /** Where clients reach the gateway; without it the description speaks of the host it was read from. */
  readonly publicUrl?: string | undefined
}

const traceParent: OpenApiParameter = {
  name: 'traceparent',
  in: 'header',
  required: false,
  schema: { type: 'string' },
  description: 'The trace this call belongs to (W3C Trace Context).',
}

const deployment: OpenApiParameter = {
  name: 'deployment-id',
  in: 'path',
  required: true,
  schema: { type: 'string' },
  description: 'Azure deployment ID',
  example: 'demo/hello',
}

const apiVersion: OpenApiParameter = {
  name: 'api-version',
  in: 'query',
  required: false,
  schema: { type: 'string' },
  description: 'Azure API version',
  example: '2024-10-21',
}

const modelId: OpenApiParameter = {
  name: 'id',
  in: 'path',
  required: true,
  schema: { type: 'string' },
  description: 'A name from the list. Slashes may be encoded or not.',
  example: 'demo/hello',
}

const requestHeaders = `Beside the credentials, these request headers have a meaning:

- \`x-bf-vk\`: a virtual key; where it is present it decides alone.
- \`x-bf-dim-<name>\`: a dimension of your own, kept with the call in the log.
- \`x-bf-session-id\`: calls of one session go to the same target and key, as far as they can.
- \`x-bf-api-key\`: the name of the provider key to use, for callers that may choose.
- \`traceparent\`: the trace this call belongs to.

Other headers of the \`x-bf-*\` family are accepted and ignored.`

const openaiText = `Creates a chat completion using OpenAI-compatible format.
Supports streaming via SSE.

**Async inference:** Send \`x-bf-async: true\` to submit the request as a background job and receive a job ID immediately. Poll with \`x-bf-async-id: <job-id>\` to retrieve the result. When the job is still processing, the response will have an empty \`choices\` array. When completed, \`choices\` will contain the full result. A job that failed is answered with its status and error. A poll needs no body.

**Note:** This endpoint also works without the \`/v1\` prefix (e.g., \`/openai/chat/completions\`).

${requestHeaders}`

const azureText = `Creates a chat completion using Azure OpenAI deployment.

The deployment in the path decides, whatever \`model\` says. With a slash in it, encoded or not, it is \`provider/model\`.`

/** OpenAPI 3.1 of every route there is. The routes themselves are registered elsewhere: keep both together. */
export function openapiDocument(facts: OpenApiFacts): OpenApiDocument {
  const schemas = new Map<string, Node>()
  addSchemas(schemas)
  const admin = adminPaths(schemas)
  return {
    openapi: '3.1.1',
    info: {
      title: 'Sluice',
      version: facts.version,
      description:
        'One OpenAI-compatible address in front of every model provider. Every error has the same envelope; its ' +
        'codes are listed with the statuses.',
    },
    servers: [{ url: facts.publicUrl?.replace(/\/+$/, '') ?? '/' }],
    tags: [
      { name: 'OpenAI Integration', description: 'Chat completions as OpenAI clients call them.' },
      { name: 'Azure Integration', description: 'The same for clients of Azure OpenAI.' },
      {
        name: 'Async Inference',
        description: 'Chat completions that are made later, and survive a restart.',
      },
      { name: 'Models', description: 'What the caller may use.' },
      {
        name: 'Administration',
        description: 'For the admin alone, by Basic authentication or a session.',
      },
      { name: 'Operations', description: 'For monitors and readers. No credentials are needed.' },
    ],
    paths: {
      ...chatPaths(),
      ...jobPaths(),
      ...modelPaths(),
      ...admin,
      ...operationsPaths(),
    },
    components: {
      schemas: Object.fromEntries(schemas),
      responses: responses(),
      headers,
      securitySchemes,
    },
  }
}

function chatPaths(): OpenApiDocument['paths'] {
  const openai = (operationId: string, description: string) =>
    chat(operationId, 'Create chat completion (OpenAI format)', description, {
      tags: ['OpenAI Integration'],
      parameters: [...asyncParameters, traceParent],
      schema: 'OpenAIChatRequest',
      example: { model: 'demo/hello', messages: [{ role: 'user', content: 'hi' }] },
    })
  const azure = (operationId: string, description: string) =>
    chat(operationId, 'Create chat completion (Azure OpenAI)', description, {
      tags: ['OpenAI Integration', 'Azure Integration'],
      parameters: [deployment, apiVersion, ...asyncParameters, traceParent],
      schema: 'AzureChatRequest',
      example: { messages: [{ role: 'user', content: 'hi' }] },
    })
  const same = (path: string) => `The same as \`${path}\`.`
  const openaiPath = '/openai/v1/chat/completions'
  const azurePath = '/openai/openai/deployments/{deployment-id}/chat/completions'
  return {
    [openaiPath]: openai('openaiCreateChatCompletion', openaiText),
    '/openai/chat/completions': openai('openaiCreateChatCompletionWithoutV1', same(openaiPath)),
    '/v1/chat/completions': openai('createChatCompletion', same(openaiPath)),
    '/chat/completions': openai('createChatCompletionAtRoot', same(openaiPath)),
    [azurePath]: azure('azureCreateChatCompletion', azureText),
    '/openai/deployments/{deployment-id}/chat/completions': azure(
      'azureCreateChatCompletionAtEndpoint',
      same(azurePath),
    ),
  }
}

interface ChatForm {
  readonly tags: readonly string[]
  readonly parameters: readonly OpenApiParameter[]
  readonly schema: string
  readonly example: object
}

function chat(operationId: string, summary: string, description: string, form: ChatForm) {
  const post: OpenApiOperation = {
    operationId,
    summary,
    description,
    tags: form.tags,
    parameters: form.parameters,
    requestBody: {
      required: true,
      content: {
        'application/json': { schema: ref('schemas', form.schema), example: form.example },
      },
    },
    responses: {
      200: {
        description: 'Successful response',
        headers: headerRefs(...callHeaders, 'openai-processing-ms', ...asyncHeaders, 'retry-after'),
        content: {
          'application/json': { schema: ref('schemas', 'OpenAIChatResponse') },
          'text/event-stream': { schema: ref('schemas', 'OpenAIChatStreamResponse') },
        },
      },
      ...failureRefs(),
    },
    security: anyCredential,
  }
  return { post }
}

function modelPaths(): OpenApiDocument['paths'] {
  const forms = [
    ['/openai/v1/models', 'openaiListModels', 'openaiRetrieveModel'],
    ['/openai/models', 'openaiListModelsWithoutV1', 'openaiRetrieveModelWithoutV1'],
    ['/v1/models', 'listModels', 'retrieveModel'],
    ['/models', 'listModelsAtRoot', 'retrieveModelAtRoot'],
    ['/openai/openai/models', 'azureListModels', 'azureRetrieveModel'],
  ] as const
  return Object.fromEntries(
    forms.flatMap(([path, listId, retrieveId]) => [
      [path, { get: listModels(listId) }],
      [`${path}/{id}`, { get: retrieveModel(retrieveId) }],
    ]),
  )
}

function listModels(operationId: string): OpenApiOperation {
  return {
    operationId,
    summary: 'List models',
    description: 'What the caller may use, from memory: no provider is asked.',
    tags: ['Models'],
    responses: { 200: json('The list', ref('schemas', 'ModelList')), ...modelFailures },
    security: anyCredential,
  }
}

function retrieveModel(operationId: string): OpenApiOperation {
  return {
    operationId,
    summary: 'Retrieve a model',
    tags: ['Models'],
    parameters: [modelId],
    responses: {
      200: json('The model', ref('schemas', 'Model')),
      ...modelFailures,
      ...failureRefs(404),
    },
    security: anyCredential,
  }
}

const modelFailures = failureRefs(400, 401, 403, 405, 429, 500, 503)

function operationsPaths(): OpenApiDocument['paths'] {
  const status = { type: 'object', properties: { status: { type: 'string' } } }
  return {
    '/livez': open('getLiveness', 'Is the process alive?', json('It is', status)),
    '/readyz': open('getReadiness', 'May it get requests? Not while it starts or drains.', {
      ...json('It may', status),
      orElse: 503,
    }),
    '/health': open('getHealth', 'The same for monitors that ask here.', {
      ...json('It is well', status),
      orElse: 503,
    }),
    '/metrics': open(
      'getMetrics',
      'Numbers for Prometheus. Beyond a loopback address they need the admin, unless they are made public.',
      content('The numbers', 'text/plain', { type: 'string' }),
    ),
    '/openapi.json': open('getOpenApi', 'This description.', json('It', { type: 'object' })),
    '/docs': open(
      'getDocs',
      'This description as a page that works offline.',
      content('The page', 'text/html', { type: 'string' }),
    ),
  }
}

function open(operationId: string, summary: string, reply: Node & { readonly orElse?: number }) {
  const { orElse, ...success } = reply
  const get: OpenApiOperation = {
    operationId,
    summary,
    tags: ['Operations'],
    responses: { 200: success, ...failureRefs(405, ...(orElse === undefined ? [] : [orElse])) },
    security: [],
  }
  return { get }
}
