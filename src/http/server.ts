import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import type { Socket } from 'node:net'
import { type ErrorCode, GatewayError } from '../core/errors.ts'
import type { Clock } from '../core/runtime.ts'
import { encodeError } from '../wire/openai-chat/error.ts'
import { sendError } from './error-reply.ts'

export type Handler = (req: IncomingMessage, res: ServerResponse) => void

export interface ServerOptions {
  /** Takes the paths it knows and says so; the rest goes to `handler`. Null serves everything by `handler`. */
  readonly front: ((req: IncomingMessage, res: ServerResponse) => boolean) | null
  readonly handler: Handler
  readonly newId: () => string
  readonly clock: Clock
}

/** The one HTTP server, with the limits that hold before any route is known. */
export function createHttpServer({ front, handler, newId, clock }: ServerOptions): Server {
  const dispatch: Handler =
    front === null
      ? handler
      : (req, res) => {
          if (!front(req, res)) handler(req, res)
        }
  const server = createServer(
    {
      keepAlive: true,
      noDelay: true,
      // Above the 60 s of the usual load balancers, which else meet connections we just closed.
      keepAliveTimeout: 75_000,
      headersTimeout: 15_000,
      // Bodies have a clock of their own, which knows a slow upload from a stuck one.
      requestTimeout: 0,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: 16 * 1024,
      // An address with an absolute form or a missing host is the router's business.
      requireHostHeader: false,
      insecureHTTPParser: false,
    },
    dispatch,
  )
  // The word to go on is given where the body is read, once nothing speaks against it.
  server.on('checkContinue', dispatch)
  server.on('checkExpectation', (_: IncomingMessage, res: ServerResponse) => {
    const error = new GatewayError(
      'expectation_failed',
      'The only expectation that is met here is 100-continue',
      {
        closeConnection: true,
      },
    )
    sendError(res, error, { 'x-request-id': newId() }, clock)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
    refuse(error, socket, newId()),
  )
  return server
}

const byCode: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The headers are over 16 KiB'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['request_too_large', 'The chunk extensions are over 16 KiB'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The headers did not arrive in time'],
}

/** What never became a request is answered on the bare socket, and the connection is over. */
function refuse(cause: NodeJS.ErrnoException, socket: Socket, requestId: string): void {
  if (cause.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  const [code, message] = byCode[cause.code ?? ''] ?? [
    'invalid_request',
    'This is not a valid HTTP/1.1 request',
  ]
  const error = new GatewayError(code, message)
  const body = encodeError(error)
  socket.end(
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `content-length: ${body.length}\r\nx-request-id: ${requestId}\r\nx-should-retry: ${error.shouldRetry}\r\n\r\n${Buffer.from(body).toString()}`,
  )
}
