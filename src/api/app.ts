import type { Server } from 'node:http'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { GatewayError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Gateway } from '../gateway/gateway.ts'
import type { BodyBudget } from '../http/body.ts'
import { sendError } from '../http/error-reply.ts'
import { allowOrigin, answerPreflight } from '../http/origins.ts'
import { pickRequestId } from '../http/request-id.ts'
import { createHttpServer } from '../http/server.ts'
import type { JobQueue } from '../jobs/job-queue.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { AdminDeps } from './admin/admin-deps.ts'
import type { AdminRoute } from './admin/admin-route.ts'
import { requireAdmin } from './admin/require-admin.ts'
import { addAdminRoutes } from './admin-routes.ts'
import { matchChat } from './chat-routes.ts'
import { addDashboardRoutes } from './dashboard.ts'
import { docsPage, docsPolicy } from './docs-page.ts'
import { identify } from './identify.ts'
import type { Inference } from './inference.ts'
import { addJobRoutes } from './job-routes.ts'
import { listModels } from './models.ts'
import { openapiDocument } from './openapi.ts'
import { methodsFor, modelBases } from './route-table.ts'

export interface AppDeps {
  readonly gateway: Gateway
  readonly inference: Inference
  readonly jobs: JobQueue
  readonly metrics: Metrics
  readonly runtime: Runtime
  readonly budget: BodyBudget
  readonly version: string
  /** Null when ready, else why not. */
  readonly notReady: () => Promise<string | null>
  /** False where the server listens on an address others can reach. */
  readonly loopback: boolean
  /** Whether chat calls take the short way in front of the framework; the same handler serves both. */
  readonly front: boolean
  readonly admin: AdminDeps
  /** Besides those that are always there. */
  readonly moreAdminRoutes?: readonly AdminRoute[]
}

/** Everything that is served over HTTP. Chat calls are taken in front; the framework has the rest. */
export async function createApp(deps: AppDeps): Promise<{ app: FastifyInstance; server: Server }> {
  const { gateway, inference, runtime, front } = deps
  let server: Server | null = null
  const app = fastify({
    exposeHeadRoutes: true,
    // An address the router cannot decode meets no hook and no handler of ours, only this.
    frameworkErrors: (thrown, request, reply) => {
      reply.header('x-request-id', pickRequestId(request.headers['x-request-id'], runtime.newId()))
      fail(reply, toError(thrown), runtime)
    },
    routerOptions: { ignoreTrailingSlash: false, caseSensitive: true, maxParamLength: 1000 },
    // The server answers these itself, and gently; the framework's own listener would destroy the socket at once.
    clientErrorHandler: () => {},
    serverFactory: (handler) => {
      server = createHttpServer({
        front: front
          ? (req, res) => {
              const match = req.method === 'POST' ? matchChat(req.url ?? '') : null
              if (match) inference.handle(req, res, match)
              return match !== null
            }
          : null,
        handler,
        newId: runtime.newId,
        clock: runtime.clock,
      })
      return server
    },
  })
  // Chat bodies are read by the handler, with its own limits; nothing else here has a body yet.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.addHook('onRequest', async (request, reply) => {
    const rules = gateway.snapshot.config.server
    const methods = methodsFor(pathOf(request))
    if (methods.length > 0 && answerPreflight(request.raw, reply.raw, rules, methods))
      return reply.hijack()
    allowOrigin(request.raw, reply.raw, rules)
    // The framework refuses types it cannot read before anybody is asked for a credential; the handlers look themselves.
    request.headers = { 'content-type': undefined }
    reply.header('x-request-id', pickRequestId(request.headers['x-request-id'], runtime.newId()))
    return undefined
  })
  app.setErrorHandler((thrown, _request, reply) => fail(reply, toError(thrown), runtime))
  app.setNotFoundHandler((request, reply) => notFound(request, reply, deps))
  addChatRoutes(app, inference)
  addJobRoutes(app, deps)
  addModelRoutes(app, deps)
  addOperations(app, deps)
  addAdminRoutes(app, deps.admin, deps.moreAdminRoutes)
  addDescription(app, deps)
  addDashboardRoutes(app)
  await app.ready()
  if (!server) throw new Error('the framework made no server')
  return { app, server }
}

/** What the front serves, for a gateway that runs without it. */
function addChatRoutes(app: FastifyInstance, inference: Inference): void {
  const serve = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const match = matchChat(request.raw.url ?? '')
    if (!match) throw new GatewayError('unknown_route', `There is nothing at ${pathOf(request)}`)
    reply.hijack()
    inference.handle(request.raw, reply.raw, match)
    return reply
  }
  for (const path of [
    '/openai/v1/chat/completions',
    '/openai/chat/completions',
    '/v1/chat/completions',
    '/chat/completions',
    '/openai/openai/deployments/*',
    '/openai/deployments/*',
  ])
    app.post(path, serve)
}

function addModelRoutes(app: FastifyInstance, { gateway, runtime }: AppDeps): void {
  const created = Math.floor(runtime.clock.now() / 1000)
  const list = async (request: FastifyRequest): Promise<ReturnType<typeof listModels>> => {
    const { door, config, names } = gateway.snapshot
    const principal = await identify(request.raw, door, config.server, runtime.clock.now())
    return listModels(names, principal, created)
  }
  for (const base of modelBases) {
    app.get(base, async (request) => ({ object: 'list', data: await list(request) }))
    app.get(`${base}/*`, async (request) => {
      const id = (request.params as { '*': string })['*']
      const found = (await list(request)).find((model) => model.id === id)
      if (found) return found
      throw new GatewayError(
        'model_not_found',
        'There is no such model, or this key may not use it. GET /v1/models lists those it may.',
        { param: 'model' },
      )
    })
  }
}

function addOperations(
  app: FastifyInstance,
  { gateway, metrics, admin, notReady, loopback }: AppDeps,
): void {
  app.get('/livez', () => ({ status: 'ok' }))
  for (const path of ['/readyz', '/health'])
    app.get(path, async (_request, reply) => {
      const reason = await notReady()
      if (reason !== null) reply.code(503)
      return { status: reason ?? 'ok' }
    })
  app.get('/metrics', async (request, reply) => {
    const { config } = gateway.snapshot
    if (!loopback && !config.server.metricsPublic) await requireAdmin(request.raw, admin)
    reply.type(metrics.contentType)
    return await metrics.text()
  })
}

function addDescription(app: FastifyInstance, { version }: AppDeps): void {
  const document = openapiDocument({ version })
  const json = JSON.stringify(document)
  let page: string | null = null
  app.get('/openapi.json', (_request, reply) => reply.type('application/json').send(json))
  app.get('/docs', (_request, reply) => {
    page ??= docsPage(document)
    return reply
      .headers({ 'content-security-policy': docsPolicy, 'x-content-type-options': 'nosniff' })
      .type('text/html; charset=utf-8')
      .send(page)
  })
}

const pathOf = ({ raw }: FastifyRequest): string => (raw.url ?? '').split('?', 1)[0] ?? ''

function notFound(request: FastifyRequest, reply: FastifyReply, { runtime }: AppDeps): void {
  const path = pathOf(request)
  const methods = methodsFor(path)
  const shown = path.replace(/[^\x21-\x7e]/g, '?').slice(0, 200)
  const error =
    methods.length > 0
      ? new GatewayError(
          'method_not_allowed',
          `${shown} takes ${methods.join(', ')}, not ${request.method}`,
          {
            headers: { allow: methods.join(', ') },
            closeConnection: true,
          },
        )
      : new GatewayError(
          'unknown_route',
          `There is nothing at ${shown}. Chat completions are at /v1/chat/completions; GET /docs describes every route.`,
          { closeConnection: !request.raw.complete },
        )
  fail(reply, error, runtime)
}

function fail(reply: FastifyReply, error: GatewayError, { clock }: Runtime): void {
  const headers = ['x-request-id', String(reply.getHeader('x-request-id') ?? '')]
  reply.hijack()
  sendError(reply.raw, error, headers, clock)
}

/** The framework's own refusals (an address that cannot be decoded, say) are the caller's doing. */
function toError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  const status = (thrown as { statusCode?: unknown }).statusCode
  return typeof status === 'number' && status >= 400 && status < 500
    ? new GatewayError('invalid_request', 'This request cannot be understood', { cause: thrown })
    : GatewayError.from(thrown)
}
