import { fileURLToPath } from 'node:url'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError } from '../core/errors.ts'
import { type Asset, type Assets, readDashboardAssets } from './dashboard-assets.ts'

/** Where it is built, from a checkout and from the package alike. */
const builtInto = fileURLToPath(new URL('../../dashboard/dist/', import.meta.url))

/** Only what the gateway itself serves may run, be shown or be asked; text never becomes markup. */
export const dashboardPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const guards = {
  'content-security-policy': dashboardPolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
}

const notBuilt = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sluice</title></head>
<body><p>The dashboard is not built: run <code>npm run build:dashboard</code> in the checkout, then load this page again.</p></body></html>
`

/** The pages for people. They hold nothing secret: what they show they ask for below `/api`, as the admin. */
export function addDashboardRoutes(app: FastifyInstance, folder: string = builtInto): void {
  let assets: Promise<Assets | null> | null = null
  const load = async (): Promise<Assets | null> => {
    assets ??= readDashboardAssets(folder)
    const found = await assets
    // Not remembered: it may be being built just now.
    if (found === null) assets = null
    return found
  }
  app.get('/', async (request, reply) => {
    const page = (await load())?.get('/')
    reply.headers(guards)
    return page === undefined
      ? reply
          .code(503)
          .header('cache-control', 'no-store')
          .type('text/html; charset=utf-8')
          .send(notBuilt)
      : sendAsset(request, reply, page)
  })
  app.get('/assets/*', async (request, reply) => {
    const name = (request.params as { '*': string })['*']
    const asset = (await load())?.get(`/assets/${name}`)
    if (asset === undefined)
      throw new GatewayError('unknown_route', 'There is no such file of the dashboard')
    return sendAsset(request, reply.headers(guards), asset)
  })
}

function sendAsset({ headers }: FastifyRequest, reply: FastifyReply, asset: Asset): FastifyReply {
  const accepted = String(headers['accept-encoding'] ?? '')
  const coding = ['br', 'gzip'].find((each) => asset.bodies.has(each) && accepts(accepted, each))
  reply.headers({
    etag: asset.etag,
    vary: 'Accept-Encoding',
    'cache-control': asset.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
  })
  if (headers['if-none-match'] === asset.etag) return reply.code(304).send()
  if (coding !== undefined) reply.header('content-encoding', coding)
  return reply.type(asset.type).send(asset.bodies.get(coding ?? 'identity'))
}

const accepts = (header: string, coding: string): boolean =>
  header.split(',').some((each) => {
    const [name = '', ...options] = each.split(';').map((part) => part.trim().toLowerCase())
    return name === coding && !options.some((option) => /^q=0(\.0*)?$/.test(option))
  })
