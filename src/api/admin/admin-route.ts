import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError } from '../../core/errors.ts'
import type { Described, Operation } from './operation.ts'
import type { Admin } from './require-admin.ts'

/** What a handler is given: checked, and by whom. */
export interface AdminRequest<Query, Body> {
  readonly admin: Admin
  readonly requestId: string
  /** What stands in the path, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly body: Body
  /** The version the caller saw; null: whichever there is. */
  readonly ifVersion: number | null
  readonly headers: IncomingHttpHeaders
  /** Where the caller is. */
  readonly address: string
  /** Whether a browser at the other end speaks TLS. */
  readonly isSecure: boolean
}

export interface AdminReply<Reply> {
  readonly body: Reply
  /** Of what is shown. */
  readonly version?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Instead of the body. */
  readonly text?: { readonly type: string; readonly content: string | Readable }
}

/** An operation with what carries it out. */
export interface AdminRoute {
  readonly operation: Operation
  handle(request: AdminRequest<unknown, unknown>): Promise<AdminReply<unknown>>
}

type Handler<O extends Operation> = (
  request: AdminRequest<Described<O['query']>, Described<O['body']>>,
) => Promise<AdminReply<Described<O['reply']>>>

/** Ties an operation to its handler, whose types are the operation's. */
export function bind<const O extends Operation>(
  operation: O,
  handle: NoInfer<Handler<O>>,
): AdminRoute {
  // What was read is what the operation's schemas say, which is what the handler is typed by.
  return { operation, handle: handle as unknown as AdminRoute['handle'] }
}

/** `/api/limits/{kind}/{name...}` as the framework spells it. */
export const routerPath = ({ path }: Operation): string =>
  path.replace(/\{(\w+)\.\.\.\}$/, '*').replace(/\{(\w+)\}/g, ':$1')

/** What the framework found in the path, under the operation's own names. */
export function paramsOf({ path }: Operation, { params }: FastifyRequest): Record<string, string> {
  const { '*': rest, ...named } = params as Record<string, string>
  const name = /\{(\w+)\.\.\.\}$/.exec(path)?.[1]
  return name === undefined || rest === undefined ? named : { ...named, [name]: rest }
}

/** `If-Match: "3"`; `If-None-Match: *` asks that there be none yet, which is version 0. Throws 400 for anything else. */
export function readIfVersion({ headers }: FastifyRequest['raw']): number | null {
  if (headers['if-none-match'] === '*') return 0
  const given = headers['if-match']
  if (given === undefined || given === '*') return null
  const version = /^(?:W\/)?"(\d{1,15})"$/.exec(given)?.[1]
  if (version !== undefined) return Number(version)
  throw new GatewayError(
    'invalid_request',
    'If-Match must be one ETag as it was answered, such as "3"',
    {
      param: 'if-match',
    },
  )
}

export function send(
  reply: FastifyReply,
  { operation }: AdminRoute,
  { body, version, headers, text }: AdminReply<unknown>,
): FastifyReply {
  reply.code(operation.reply === null ? 204 : (operation.status ?? 200))
  if (version !== undefined) reply.header('etag', `"${version}"`)
  if (headers) reply.headers(headers)
  if (text) return reply.type(text.type).send(text.content)
  // Written out here: to the framework a body without a schema is its own affair, and null none at all.
  return operation.reply === null
    ? reply.send()
    : reply.type('application/json; charset=utf-8').send(JSON.stringify(body))
}
