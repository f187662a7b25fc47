import type { Operation } from './admin/operation.ts'
import { adminOperations } from './admin-contract.ts'
import { content, failureRefs, headerRefs, json, type Node, publish } from './openapi-components.ts'
import type { OpenApiDocument, OpenApiOperation, OpenApiParameter } from './openapi-document.ts'

const security = [{ BasicAuth: [] }, { BearerAuth: [] }]
const usual = [400, 401, 403, 405, 429, 500, 503]

/** What is below `/api`, from the contract that its handlers are typed by; schemas that have a name go to `components`. */
export function adminPaths(components: Map<string, Node>): OpenApiDocument['paths'] {
  const paths: Record<string, Record<string, OpenApiOperation>> = {}
  for (const operation of adminOperations) {
    const path = operation.path.replace('...}', '}')
    paths[path] = {
      ...paths[path],
      [operation.method.toLowerCase()]: describe(operation, components),
    }
  }
  return paths
}

function describe(operation: Operation, components: Map<string, Node>): OpenApiOperation {
  const { id, summary, description, body, reply, status, example, fails = [], open } = operation
  const plain = (schema: object): Node => publish(schema, components) as Node
  const parameters = [...pathParameters(operation), ...queryParameters(operation, plain)]
  const success: Node = reply
    ? { [status ?? 200]: answer(id, json(summary, plain(reply))) }
    : { 204: { description: summary, headers: headerRefs('x-request-id') } }
  return {
    operationId: id,
    summary,
    ...(description !== undefined && { description }),
    tags: ['Administration'],
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        required: true as const,
        content: { 'application/json': { schema: plain(body), example } },
      },
    }),
    responses: { ...success, ...failureRefs(...usual, ...fails) },
    security: open ? [] : security,
  }
}

const files: Readonly<Record<string, readonly string[]>> = {
  getUsage: ['text/csv'],
  exportLogs: ['application/x-ndjson', 'text/csv'],
  tailLogs: ['text/event-stream'],
}

/** Some of it may be had as a file, or is one. */
function answer(id: string, success: Node): Node {
  const types = files[id] ?? []
  if (types.length === 0) return success
  const table = {
    content: Object.assign(
      {},
      ...types.map((type) => content('', type, { type: 'string' })['content']),
    ),
  }
  // Where there is nothing but files, JSON is not among them.
  if (id !== 'getUsage') return { ...success, ...table }
  return { ...success, content: { ...Object(success['content']), ...Object(table['content']) } }
}

function pathParameters({ path, fails = [] }: Operation): readonly OpenApiParameter[] {
  const named = [...path.matchAll(/\{(\w+)(\.\.\.)?\}/g)].map(([, name = '', rest]) => ({
    name,
    in: 'path' as const,
    required: true,
    schema: name === 'kind' ? { type: 'string', enum: ['provider', 'model'] } : { type: 'string' },
    description: rest ? 'Slashes may be encoded or not.' : `The ${name} of what is asked for.`,
  }))
  return fails.includes(412) ? [...named, ifMatch] : named
}

const ifMatch: OpenApiParameter = {
  name: 'If-Match',
  in: 'header',
  required: false,
  schema: { type: 'string' },
  description: 'The `ETag` of what was read, such as `"3"`: 412 where it was changed since.',
}

function queryParameters(
  { query }: Operation,
  plain: (schema: object) => Node,
): readonly OpenApiParameter[] {
  const { properties = {}, required = [] } = (query ?? {}) as {
    readonly properties?: Readonly<Record<string, Node>>
    readonly required?: readonly string[]
  }
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema: plain(schema),
    description: String(schema['description'] ?? schema['title'] ?? name),
  }))
}
