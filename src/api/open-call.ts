import type { IncomingMessage } from 'node:http'
import type { Call } from '../core/call.ts'
import type { Runtime } from '../core/runtime.ts'
import { pickRequestId } from '../http/request-id.ts'
import type { ChatMatch } from './chat-routes.ts'

/** A call of which nothing is known yet but where and when it came in. */
export function openCall(req: IncomingMessage, match: ChatMatch, runtime: Runtime): Call {
  const id = runtime.newId()
  return {
    id,
    requestId: pickRequestId(req.headers['x-request-id'], id),
    surface: match.surface,
    route: match.route,
    startedAt: runtime.clock.now(),
    startedMs: runtime.clock.monotonic(),
    principal: null,
    asked: null,
    stream: false,
    dimensions: null,
    release: null,
    limits: null,
    holds: 0,
    attempts: [],
    fallback: 0,
    dropped: [],
    job: null,
    usage: null,
    firstTokenMs: null,
    bytesIn: 0,
    bytesOut: 0,
    status: 200,
    error: null,
  }
}
