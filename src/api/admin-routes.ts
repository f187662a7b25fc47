import { METHODS } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError } from '../core/errors.ts'
import { checkBodyHeaders, readBody } from '../http/body.ts'
import { clientAddress } from '../http/client-address.ts'
import type { AdminDeps } from './admin/admin-deps.ts'
import { type AdminRoute, paramsOf, readIfVersion, routerPath, send } from './admin/admin-route.ts'
import { budgetRoutes } from './admin/budget-routes.ts'
import { checkFields, readQuery } from './admin/check-fields.ts'
import { keyRoutes } from './admin/key-routes.ts'
import { ledgerRoutes } from './admin/ledger-routes.ts'
import { priceRoutes } from './admin/price-routes.ts'
import { providerKeyRoutes } from './admin/provider-key-routes.ts'
import { providerRoutes } from './admin/provider-routes.ts'
import { requireAdmin } from './admin/require-admin.ts'
import { routeRoutes } from './admin/route-routes.ts'
import { refuseForeignWrite } from './admin/same-origin.ts'
import { scopeRoutes } from './admin/scope-routes.ts'
import { cameBySecure } from './admin/session-cookie.ts'
import { sessionRoutes } from './admin/session-routes.ts'
import { systemRoutes } from './admin/system-routes.ts'
import { tenantRoutes } from './admin/tenant-routes.ts'
import { usageRoutes } from './admin/usage-routes.ts'

/** What only the admin may ask. Everybody else is refused before it is known whether there is such a path. */
export function addAdminRoutes(
  app: FastifyInstance,
  deps: AdminDeps,
  more: readonly AdminRoute[] = [],
): void {
  const routes = [
    ...sessionRoutes(deps),
    ...keyRoutes(deps),
    ...tenantRoutes(deps),
    ...providerRoutes(deps),
    ...providerKeyRoutes(deps),
    ...scopeRoutes(deps),
    ...budgetRoutes(deps),
    ...usageRoutes(deps),
    ...ledgerRoutes(deps),
    ...priceRoutes(deps),
    ...routeRoutes(deps),
    ...systemRoutes(deps),
    ...more,
  ]
  for (const route of routes) {
    const { method } = route.operation
    app.route({
      method,
      url: routerPath(route.operation),
      handler: (request, reply) => serve(route, request, reply, deps),
    })
  }
  const allowed = allowedMethods(routes)
  const refuse = async (request: FastifyRequest, reply: FastifyReply): Promise<never> => {
    harden(reply)
    await requireAdmin(request.raw, deps)
    const path = (request.raw.url ?? '').split('?', 1)[0] ?? ''
    const methods = allowed(path)
    const shown = path.replace(/[^\x21-\x7e]/g, '?').slice(0, 200)
    if (methods.length === 0)
      throw new GatewayError('unknown_route', `There is nothing at ${shown}`)
    const allow = methods.join(', ')
    throw new GatewayError('method_not_allowed', `${shown} takes ${allow}`, {
      headers: { allow },
      closeConnection: !request.raw.complete,
    })
  }
  // Methods the framework does not know by itself would be told "not found" before anybody asks who comes.
  for (const method of METHODS)
    if (!app.supportedMethods.includes(method)) app.addHttpMethod(method)
  app.all('/api', refuse)
  app.all('/api/*', refuse)
}

async function serve(
  route: AdminRoute,
  request: FastifyRequest,
  reply: FastifyReply,
  deps: AdminDeps,
): Promise<FastifyReply> {
  const { operation } = route
  harden(reply)
  const admin = operation.open ? noOne : await requireAdmin(request.raw, deps)
  refuseForeignWrite(request.raw)
  const query = operation.query ? readQuery(operation.query, request.query) : null
  const body = operation.body ? await readJson(request, reply, deps, operation.open === true) : null
  if (operation.body) checkFields(operation.body, body)
  const { trustedProxies } = deps.gateway.snapshot.config.server
  const answer = await route.handle({
    admin,
    requestId: String(reply.getHeader('x-request-id') ?? ''),
    params: paramsOf(operation, request),
    query,
    body,
    ifVersion: readIfVersion(request.raw),
    headers: request.raw.headers,
    address: clientAddress(request.raw, trustedProxies),
    isSecure: cameBySecure(request.raw, trustedProxies),
  })
  return send(reply, route, answer)
}

const noOne = { username: '', session: null }

/** Nothing from here is kept by a browser or taken for a page. */
function harden(reply: FastifyReply): void {
  reply.headers({
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  })
}

/** The methods a path takes, by its segments. */
function allowedMethods(routes: readonly AdminRoute[]): (path: string) => readonly string[] {
  const known = routes.map(({ operation: { method, path } }) => ({
    method,
    pattern: new RegExp(`^${path.replace(/\{\w+\.\.\.\}/g, '.+').replace(/\{\w+\}/g, '[^/]+')}$`),
  }))
  return (path) => {
    const methods = known.flatMap(({ method, pattern }) => (pattern.test(path) ? [method] : []))
    return [
      ...new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))),
    ]
  }
}

const bodyAtMost = 2 * 1024 * 1024
/** Of whoever has not said yet who they are. */
const openBodyAtMost = 16 * 1024

async function readJson(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  { budget, runtime }: AdminDeps,
  isOpen: boolean,
): Promise<unknown> {
  const maxBytes = isOpen ? openBodyAtMost : bodyAtMost
  // A form of another site may send everything but this type.
  if (raw.headers['content-type'] === undefined)
    throw new GatewayError('unsupported_media_type', 'Send the request as application/json', {
      closeConnection: true,
    })
  checkBodyHeaders(raw, maxBytes)
  const { bytes, charged } = await readBody(raw, reply.raw, {
    maxBytes,
    budget,
    clock: runtime.clock,
  })
  budget.give(charged)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new GatewayError('invalid_json', 'The body is not valid JSON in UTF-8', { cause })
  }
}
