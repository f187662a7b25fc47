import { errorTable } from '../core/errors.ts'
import {
  ChatChunkSchema,
  ChatReplySchema,
  ErrorEnvelopeSchema,
  ModelListSchema,
  ModelSchema,
  UsageSchema,
} from '../wire/openai-chat/reply-schema.ts'
import {
  AzureChatRequestSchema,
  ChatMessageSchema,
  ChatRequestSchema,
  ContentPartSchema,
  ToolSchema,
} from '../wire/openai-chat/schema.ts'
import { JobListSchema, JobSchema } from './job-schema.ts'

/** A reference, or what the specification calls a schema, header or response object. */
export type Node = Readonly<Record<string, unknown>>

export const ref = (kind: string, name: string): Node => ({ $ref: `#/components/${kind}/${name}` })

export const securitySchemes: Readonly<Record<string, Node>> = {
  BearerAuth: {
    type: 'http',
    scheme: 'bearer',
    description: 'A virtual key, `Authorization: Bearer sk-bf-…`, or the token of a session.',
  },
  BasicAuth: { type: 'http', scheme: 'basic', description: "The admin's name and password." },
  VirtualKeyAuth: {
    type: 'apiKey',
    in: 'header',
    name: 'x-bf-vk',
    description: 'A virtual key. Where this header is present it decides alone.',
  },
  ApiKeyAuth: {
    type: 'apiKey',
    in: 'header',
    name: 'x-api-key',
    description: 'A virtual key; also accepted as `api-key` and `x-goog-api-key`.',
  },
}

/** Any one of the four is enough. */
export const anyCredential = Object.keys(securitySchemes).map((name) => ({ [name]: [] }))

const text = (description: string): Node => ({ description, schema: { type: 'string' } })
const whole = (description: string): Node => ({ description, schema: { type: 'integer' } })

export const headers: Readonly<Record<string, Node>> = {
  'x-request-id': text('Names this request in the log. On every reply, errors too.'),
  'x-sluice-call-id': text("The gateway's own id of the call."),
  'x-sluice-provider': text('The provider of the last attempt.'),
  'x-sluice-model': text('The model of the last attempt, as sent to the provider.'),
  'x-sluice-attempts': whole('How many attempts were begun, over all keys and providers.'),
  'x-sluice-fallback-index': whole(
    'Which fallback answered, from 1; absent where none was needed.',
  ),
  'openai-processing-ms': whole('How long the answer took to begin, in milliseconds.'),
  'x-should-retry': text(
    '`true` where waiting helps and nothing was billed, `false` where it cannot help.',
  ),
  'retry-after': whole('After how many seconds to try again.'),
  'x-bf-async-id': text('The id of the job, on every answer that is about one.'),
  'x-bf-async-status': text('`pending`, `processing`, `completed` or `failed`.'),
  'x-bf-async-job-result-ttl': whole(
    'For how many seconds the result will be kept; on the answer to a submit.',
  ),
  'idempotency-replayed': text('`true` where the same request was submitted before.'),
  location: text('Where to ask for the job.'),
  allow: text('The methods that this path knows.'),
}

export const headerRefs = (...names: readonly string[]): Node =>
  Object.fromEntries(names.map((name) => [name, ref('headers', name)]))

export const callHeaders = [
  'x-request-id',
  'x-sluice-call-id',
  'x-sluice-provider',
  'x-sluice-model',
  'x-sluice-attempts',
  'x-sluice-fallback-index',
] as const

/** The replies that are no answer, by status: the name of the component, and what it means. */
const failures: Readonly<Record<string, readonly [name: string, meaning: string]>> = {
  400: ['BadRequest', 'The request is wrong. `error.param` names the field at fault.'],
  401: ['Unauthorized', 'No credential, or one that is unknown or expired.'],
  402: ['PaymentRequired', 'There is no money left for this call. Repeating it does not help.'],
  403: ['Forbidden', 'The credential is known but may not do this.'],
  404: ['NotFound', 'There is no such model, job or route.'],
  405: ['MethodNotAllowed', 'The route exists, but not with this method.'],
  408: ['RequestTimeout', 'The request did not arrive in time.'],
  409: ['Conflict', 'As it stands this cannot be done.'],
  412: ['PreconditionFailed', 'It was changed since the version that `If-Match` names.'],
  413: ['ContentTooLarge', 'The body is larger than allowed.'],
  415: ['UnsupportedMediaType', 'The body is not JSON, or packed in an unknown way.'],
  422: ['UnprocessableContent', 'The `Idempotency-Key` was used for another request.'],
  429: ['TooManyRequests', 'Too much at once. Wait as long as `retry-after` says.'],
  500: ['InternalError', 'The gateway or the provider failed.'],
  502: [
    'BadGateway',
    'The provider could not be reached, broke off, or answered something unusable.',
  ],
  503: ['ServiceUnavailable', 'The gateway or the provider cannot take the call now.'],
  504: ['GatewayTimeout', 'The provider took too long.'],
}

/** What only those answer that look at `If-Match`. */
const onlyWhenNamed = '412'

/** References to the shared error replies; without statuses, to all that a call may get. */
export function failureRefs(...statuses: readonly number[]): Node {
  return Object.fromEntries(
    Object.entries(failures)
      .filter(([status]) =>
        statuses.length === 0 ? status !== onlyWhenNamed : statuses.includes(Number(status)),
      )
      .map(([status, [name]]) => [status, ref('responses', name)]),
  )
}

export function responses(): Readonly<Record<string, Node>> {
  return Object.fromEntries(
    Object.entries(failures).map(([status, [name, meaning]]) => [name, failure(status, meaning)]),
  )
}

function failure(status: string, meaning: string): Node {
  const codes = Object.entries(errorTable)
    .filter(([, spec]) => spec.status === Number(status))
    .map(([code]) => `\`${code}\``)
  const waits = status === '429' || status === '503' ? ['retry-after'] : []
  const allows = status === '405' ? ['allow'] : []
  return {
    description: codes.length > 0 ? `${meaning} Codes: ${codes.join(', ')}.` : meaning,
    headers: headerRefs('x-request-id', 'x-should-retry', ...waits, ...allows),
    content: { 'application/json': { schema: ref('schemas', 'Error') } },
  }
}

/** Those of calls and jobs, added to `found`. */
export function addSchemas(found: Map<string, Node>): void {
  for (const schema of [
    ChatRequestSchema,
    AzureChatRequestSchema,
    ChatMessageSchema,
    ContentPartSchema,
    ToolSchema,
    ChatReplySchema,
    ChatChunkSchema,
    UsageSchema,
    ModelListSchema,
    ModelSchema,
    JobSchema,
    JobListSchema,
    ErrorEnvelopeSchema,
  ]) {
    publish(schema, found)
  }
}

/** What has an `$id` becomes a component of that name, wherever it stands; the `$id` itself is not published. */
export function publish(node: unknown, found: Map<string, Node>): unknown {
  if (Array.isArray(node)) return node.map((item) => publish(item, found))
  if (typeof node !== 'object' || node === null) return node
  const { $id, ...rest } = node as Node
  const plain = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, publish(value, found)]),
  )
  if (typeof $id !== 'string') return plain
  found.set($id, plain)
  return ref('schemas', $id)
}

export function json(description: string, schema: Node): Node {
  return content(description, 'application/json', schema)
}

export function content(description: string, type: string, schema: Node): Node {
  return { description, headers: headerRefs('x-request-id'), content: { [type]: { schema } } }
}
