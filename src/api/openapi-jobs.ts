import {
  anyCredential,
  callHeaders,
  content,
  failureRefs,
  headerRefs,
  ref,
} from './openapi-components.ts'
import type { OpenApiDocument, OpenApiOperation, OpenApiParameter } from './openapi-document.ts'

const header = (name: string, schema: OpenApiParameter['schema'], description: string) =>
  ({ name, in: 'header', required: false, schema, description }) as const

const wait = header(
  'x-bf-async-wait',
  { type: 'integer', minimum: 1, maximum: 60 },
  'Hold the answer for up to this many seconds until the job is done.',
)

const submitParameters: readonly OpenApiParameter[] = [
  header(
    'x-bf-async-job-result-ttl',
    { type: 'integer', default: 3600 },
    'Override the default result TTL in seconds. Results expire after this duration from completion time.',
  ),
  wait,
  header(
    'x-bf-async-on-interrupt',
    { type: 'string', enum: ['rerun', 'fail'], default: 'rerun' },
    'What happens to an async job whose provider was at work when the gateway stopped: it is run again, or fails with `job_interrupted`.',
  ),
  header(
    'Idempotency-Key',
    { type: 'string', minLength: 1, maxLength: 255 },
    'An async submit with a key used before returns the same job for the same request, and 422 for another.',
  ),
]

/** The headers that turn a chat call into a job, or ask for one. */
export const asyncParameters: readonly OpenApiParameter[] = [
  header(
    'x-bf-async',
    { type: 'string', enum: ['true'] },
    'Set to `true` to submit this request as an async job. Returns immediately with a job ID. Not compatible with streaming.',
  ),
  header(
    'x-bf-async-id',
    { type: 'string' },
    'Poll for results of a previously submitted async job by providing the job ID returned from the initial async request.',
  ),
  ...submitParameters,
]

export const asyncHeaders = [
  'x-bf-async-id',
  'x-bf-async-status',
  'x-bf-async-job-result-ttl',
  'idempotency-replayed',
] as const

const jobId: OpenApiParameter = {
  name: 'id',
  in: 'path',
  required: true,
  schema: { type: 'string', format: 'uuid' },
  description: 'The id of the job.',
  example: '7d1a0b0e-3c52-4b7e-9a35-0d6f1c2e8b44',
}

const query = (
  name: string,
  schema: OpenApiParameter['schema'],
  description: string,
): OpenApiParameter => ({ name, in: 'query', required: false, schema, description })

const tags = ['Async Inference']
const failures = failureRefs(400, 401, 403, 405, 429, 500, 503)

function job(description: string, ...more: readonly string[]) {
  const told = ['openai-processing-ms', ...asyncHeaders.slice(0, 2), ...more]
  const headers = headerRefs(...callHeaders, ...told)
  return { ...content(description, 'application/json', ref('schemas', 'Job')), headers }
}

const waiting = job('It waits or runs', 'retry-after', 'location')

const submit: OpenApiOperation = {
  operationId: 'createAsyncChatCompletion',
  summary: 'Submit a chat completion as a job',
  description:
    'Answers once the job is on disk: from then on it is run, also after a crash of the gateway. The body is that of ' +
    '`/v1/chat/completions`, without `stream`; what would be refused there is refused here, with the same status.',
  tags,
  parameters: submitParameters,
  requestBody: {
    required: true,
    content: {
      'application/json': {
        schema: ref('schemas', 'OpenAIChatRequest'),
        example: { model: 'demo/hello', messages: [{ role: 'user', content: 'hi' }] },
      },
    },
  },
  responses: {
    200: job(
      'It is done already: it was waited for, or is the same as one before',
      ...asyncHeaders,
    ),
    202: job('It waits or runs', 'retry-after', 'location', ...asyncHeaders),
    ...failureRefs(400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 500, 503),
  },
  security: anyCredential,
}

const retrieve: OpenApiOperation = {
  operationId: 'retrieveAsyncChatCompletion',
  summary: 'Ask for a job',
  description:
    'Unknown, expired and foreign ids are the same 404. Asking counts against no limit. Jobs submitted on any chat route are found.',
  tags,
  parameters: [jobId, wait],
  responses: {
    200: job('It is completed or has failed'),
    202: waiting,
    ...failures,
    ...failureRefs(404),
  },
  security: anyCredential,
}

const cancel: OpenApiOperation = {
  operationId: 'cancelAsyncChatCompletion',
  summary: 'Cancel a job',
  description:
    'Whether it waits or runs, it has failed with `job_cancelled`; a call to the provider is given up. A finished job is 409.',
  tags,
  parameters: [jobId],
  responses: {
    200: {
      ...job('It is cancelled'),
      headers: headerRefs('x-request-id', 'x-bf-async-id', 'x-bf-async-status'),
    },
    ...failures,
    ...failureRefs(404, 409),
  },
  security: anyCredential,
}

const list: OpenApiOperation = {
  operationId: 'listAsyncJobs',
  summary: 'List jobs',
  description: "The caller's own, newest first; the admin sees everybody's.",
  tags,
  parameters: [
    query(
      'status',
      { type: 'string', enum: ['pending', 'processing', 'completed', 'failed'] },
      'Only those that stand there.',
    ),
    query('limit', { type: 'integer', minimum: 1, maximum: 100, default: 20 }, 'How many at most.'),
    query(
      'after',
      { type: 'string', format: 'uuid' },
      'The id of the last job of the page before.',
    ),
  ],
  responses: {
    200: content('The list', 'application/json', ref('schemas', 'JobList')),
    ...failures,
  },
  security: anyCredential,
}

export const jobPaths = (): OpenApiDocument['paths'] => ({
  '/v1/async/chat/completions': { post: submit },
  '/v1/async/chat/completions/{id}': { get: retrieve, delete: cancel },
  '/v1/async/jobs': { get: list },
})
