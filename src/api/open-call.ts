import type { IncomingMessage } from 'node:http'
import type { Config } from '../config/config.ts'
import { type Call, type CallClient, newCall } from '../core/call.ts'
import type { Runtime } from '../core/runtime.ts'
import { clientAddress, maskAddress } from '../http/client-address.ts'
import { pickRequestId } from '../http/request-id.ts'
import type { Tracer } from '../observability/tracer.ts'
import type { ChatMatch } from './chat-routes.ts'

/** A call of which nothing is known yet but where and when it came in, and what from. */
export function openCall(
  req: IncomingMessage,
  match: ChatMatch,
  runtime: Runtime,
  config: Config,
  tracer: Pick<Tracer, 'begin'>,
): Call {
  const id = runtime.newId()
  return newCall({
    id,
    requestId: pickRequestId(req.headers['x-request-id'], id),
    surface: match.surface,
    route: match.route,
    startedAt: runtime.clock.now(),
    startedMs: runtime.clock.monotonic(),
    client: clientOf(req, config),
    trace: tracer.begin(req.headers),
  })
}

const agentAtMost = 200

function clientOf(req: IncomingMessage, config: Config): CallClient {
  const { 'user-agent': agent = '', 'x-stainless-retry-count': retries } = req.headers
  return {
    agent: agent.length > agentAtMost ? agent.slice(0, agentAtMost) : agent,
    retries: typeof retries === 'string' && /^\d{1,3}$/.test(retries) ? Number(retries) : 0,
    address: addressOf(req, config),
  }
}

function addressOf(req: IncomingMessage, { server, requestLog }: Config): string {
  const { clientAddress: shown } = requestLog
  if (shown === 'none') return ''
  const address = clientAddress(req, server.trustedProxies)
  return shown === 'full' ? address : maskAddress(address)
}
