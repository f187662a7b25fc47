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

/** How long a client may leave the rest of a finished answer unread; each byte it takes starts the time anew. */
const unreadMs = 60_000
/** How long the rest of a request may take to come once it was answered. */
const restMs = 5000
/** How long what follows a refused beginning is thrown away: closing at once would reset the answer on its way. */
const lingerMs = 1000

export interface ServerOptions {
  /** Takes the paths it knows and says so; the rest goes to `handler`. Null serves everything by `handler`. */
  readonly front: ((req: IncomingMessage, res: ServerResponse) => boolean) | null
  readonly handler: Handler
  readonly newId: () => string
  readonly clock: Clock
}

/** The one HTTP server, with the limits that hold before any route is known. */
export function createHttpServer({ front, handler, newId, clock }: ServerOptions): Server {
  const unread = new Set<ServerResponse>()
  const lookAfter = lookAfterAnswers(clock, unread)
  const dispatch: Handler = (req, res) => {
    toOriginForm(req)
    res.on('prefinish', lookAfter)
    if (front === null || !front(req, res)) handler(req, res)
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
      // A missing host is no reason to refuse: nothing here is chosen by it.
      requireHostHeader: false,
      insecureHTTPParser: false,
    },
    dispatch,
  )
  const closeIdle = server.closeIdleConnections
  // To Node a connection is idle once its answer is written; those whose answer is not read yet would be cut.
  server.closeIdleConnections = () => {
    if (unread.size === 0) closeIdle.call(server)
  }
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
    sendError(res, error, ['x-request-id', newId()], clock)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
    refuse(error, socket, newId(), clock),
  )
  return server
}

/** Some clients write the whole address into the request line, as to a proxy: its path is meant (RFC 9112, 3.2.2). */
function toOriginForm(req: IncomingMessage): void {
  const { url = '' } = req
  if (url.charCodeAt(0) === 47 /* slash */) return
  const rest = /^https?:\/\/[^/?#]*(.*)$/i.exec(url)?.[1]
  if (rest !== undefined) req.url = rest.startsWith('/') ? rest : `/${rest}`
}

/**
 * What follows an answer has limits too. Called when it is written to its end: an unread one would hold its bytes for
 * ever, and so would a request whose rest nobody reads. Most answers leave neither behind and cost no more than this.
 */
function lookAfterAnswers(
  clock: Clock,
  unread: Set<ServerResponse>,
): (this: ServerResponse) => void {
  return function () {
    const isUnread = this.writableLength > 0
    if (isUnread) {
      this.socket?.setTimeout(unreadMs)
      unread.add(this)
      this.once('close', () => unread.delete(this))
    }
    if (isUnread || !this.req.complete) this.once('finish', () => afterAnswer(this, clock))
  }
}

function afterAnswer({ req, shouldKeepAlive }: ServerResponse, clock: Clock): void {
  const { socket } = req
  // An answer that follows on the connection must not die of the time this one had to be read.
  if (socket.timeout === unreadMs) socket.setTimeout(0)
  if (req.complete || !shouldKeepAlive) return
  const timer = clock.timer(restMs, () => socket.destroy())
  const settle = (): void => {
    timer.cancel()
    socket.off('close', settle)
  }
  req.on('end', settle)
  // The request itself hears no more of it: the server lets go of it with its answer.
  socket.on('close', settle)
}

const byCode: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The headers are over 16 KiB'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['request_too_large', 'The chunk extensions are over 16 KiB'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The headers did not arrive in time'],
}

const refused = new WeakSet<Socket>()

/** What never became a request is answered on the bare socket, and the connection is over. */
function refuse(
  cause: NodeJS.ErrnoException,
  socket: Socket,
  requestId: string,
  clock: Clock,
): void {
  // Everything that follows the first fault is reported as another.
  if (refused.has(socket) && cause.code !== 'ECONNRESET') return
  if (cause.code === 'ECONNRESET' || !socket.writable || isAnswering(socket)) {
    socket.destroy()
    return
  }
  refused.add(socket)
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
  const timer = clock.timer(lingerMs, () => socket.destroy())
  socket.on('close', () => timer.cancel())
}

/** Whether an answer has begun on this socket, where another would be read as its rest. */
function isAnswering(socket: Socket): boolean {
  // Node's own, and all there is: the event names the socket alone.
  const { _httpMessage: open } = socket as Socket & { _httpMessage?: ServerResponse | null }
  return open?.headersSent === true
}
