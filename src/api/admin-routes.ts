import { METHODS } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError } from '../core/errors.ts'
import type { Principal } from '../core/principal.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Candidate, KeyStanding } from '../gateway/explain.ts'
import type { HedgeOfForm, HedgeOutlook } from '../gateway/explain-hedge.ts'
import type { Explained, Gateway } from '../gateway/gateway.ts'
import { type BodyBudget, checkBodyHeaders, readBody } from '../http/body.ts'
import { identify } from './identify.ts'

export interface AdminDeps {
  readonly gateway: Gateway
  readonly runtime: Runtime
  readonly budget: BodyBudget
}

/** Throws 401 without the admin's credential, 403 for a virtual key. */
export async function requireAdmin(
  { raw }: FastifyRequest,
  { gateway, runtime }: Pick<AdminDeps, 'gateway' | 'runtime'>,
): Promise<Principal> {
  const { door, config } = gateway.snapshot
  // Rights of anonymous callers end where administration begins.
  const strict = { ...door, anonymous: null }
  const principal = await identify(raw, strict, config.server, runtime.clock.now())
  if (principal.kind === 'admin') return principal
  throw new GatewayError(
    'forbidden',
    "This is for the gateway's admin: send its name and password by Basic authentication",
  )
}

const explainPath = '/api/explain'
const healthPath = '/api/health/targets'

/** What only the admin may ask. Everybody else is refused before it is known whether there is such a path. */
export function addAdminRoutes(app: FastifyInstance, deps: AdminDeps): void {
  const { gateway } = deps
  app.post(explainPath, async (request, reply) => {
    await requireAdmin(request, deps)
    const question = readQuestion(await readJson(request, reply, deps))
    const { candidates, route, hedge } = gateway.explain(question)
    return {
      model: question.model,
      route,
      candidates: candidates.map(showCandidate),
      hedge: hedge && showHedge(hedge),
    }
  })
  app.get(healthPath, async (request) => {
    await requireAdmin(request, deps)
    const data = gateway.targetHealth().map(({ provider, model, keys }) => ({
      provider,
      model,
      keys: keys.map(showKey),
    }))
    return { object: 'list', data }
  })
  const refuse = async (request: FastifyRequest): Promise<never> => {
    await requireAdmin(request, deps)
    const path = (request.raw.url ?? '').split('?', 1)[0] ?? ''
    const allow = path === explainPath ? 'POST' : path === healthPath ? 'GET, HEAD' : null
    if (allow !== null)
      throw new GatewayError('method_not_allowed', `${path} takes ${allow}`, {
        headers: { allow },
        closeConnection: !request.raw.complete,
      })
    const shown = path.replace(/[^\x21-\x7e]/g, '?').slice(0, 200)
    throw new GatewayError('unknown_route', `There is nothing at ${shown}`)
  }
  // Methods the framework does not know by itself would be told "not found" before anybody asks who comes.
  for (const method of METHODS)
    if (!app.supportedMethods.includes(method)) app.addHttpMethod(method)
  app.all('/api', refuse)
  app.all('/api/*', refuse)
}

const bodyAtMost = 64 * 1024

async function readJson(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  { budget, runtime }: AdminDeps,
): Promise<unknown> {
  checkBodyHeaders(raw, bodyAtMost)
  const rules = { maxBytes: bodyAtMost, budget, clock: runtime.clock }
  const { bytes, charged } = await readBody(raw, reply.raw, rules)
  budget.give(charged)
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new GatewayError('invalid_json', 'The body is not valid JSON', { cause })
  }
}

function readQuestion(body: unknown): Explained {
  const fields = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const { model, fallbacks = [], virtual_key: virtualKey = null, session = null } = fields
  if (typeof model !== 'string' || model === '')
    throw invalid('model', '"model" is missing: a string such as "openai/gpt-4o"')
  if (!Array.isArray(fallbacks) || !fallbacks.every((each) => typeof each === 'string'))
    throw invalid('fallbacks', '"fallbacks" must be a list of model names')
  if (virtualKey !== null && typeof virtualKey !== 'string')
    throw invalid('virtual_key', '"virtual_key" must be the name of a virtual key')
  if (session !== null && typeof session !== 'string')
    throw invalid('session', '"session" must be a string')
  return { model, fallbacks, virtualKey, session }
}

const invalid = (param: string, message: string): GatewayError =>
  new GatewayError('invalid_request', message, { param })

const showHedge = ({ extraPercent, to, plain, stream }: HedgeOutlook): object => ({
  extra_percent: extraPercent,
  to,
  plain: showForm(plain),
  stream: showForm(stream),
})

const showForm = ({ afterMs, samples, whyNot }: HedgeOfForm): object => ({
  after_ms: afterMs,
  samples,
  why_not: whyNot,
})

const showCandidate = ({ upstreamModel, keys, ...rest }: Candidate): object => ({
  ...rest,
  upstream_model: upstreamModel,
  keys: keys.map(showKey),
})

const showKey = ({ quotaGroup, until, ...rest }: KeyStanding): object => ({
  ...rest,
  quota_group: quotaGroup,
  until: until === null ? null : new Date(until).toISOString(),
})
