import { randomUUID } from 'node:crypto'
import { type Gateway, startGateway } from '../support/start-gateway.ts'

export const adminPassword = 'a password for the pages'
export const callerKey = `sk-bf-${randomUUID()}`

/** A gateway with the demo provider, a route that falls back, prices, and all content kept. */
export const startStage = (): Promise<Gateway> =>
  startGateway({
    config: {
      version: 1,
      auth: { admin: { password: adminPassword } },
      providers: { demo: { type: 'demo' } },
      models: { smart: { targets: [{ model: 'demo/error-500' }], fallbacks: ['demo/hello'] } },
      virtual_keys: [{ name: 'caller', value: callerKey }],
      prices: { 'demo/hello': { input_per_million: 1000, output_per_million: 1000 } },
      request_log: { content: 'all' },
    },
  })

export interface Called {
  readonly status: number
  readonly callId: string
  readonly body: unknown
}

export async function call(
  { url }: Gateway,
  body: object,
  { key = callerKey, headers = {} }: { key?: string; headers?: Record<string, string> } = {},
): Promise<Called> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify(body),
  })
  return {
    status: response.status,
    callId: response.headers.get('x-sluice-call-id') ?? '',
    body: await response.json(),
  }
}

export const hello = (content = 'hi', model = 'demo/hello') => ({
  model,
  max_tokens: 20,
  messages: [{ role: 'user', content }],
})

/** Something done to the gateway as the admin. */
export async function manage(
  { url }: Gateway,
  method: string,
  path: string,
  body: object,
): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`admin:${adminPassword}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  })
  const answer = (await response.json()) as Readonly<Record<string, unknown>>
  if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
  return answer
}

/** Something on every page: a team, a customer, limits, a key of theirs, calls of every kind. Answers the id of one. */
export async function furnish(gateway: Gateway): Promise<string> {
  const budget = { usd: '40.00', per: 'month' }
  await manage(gateway, 'POST', '/api/customers', { name: 'acme', budget })
  await manage(gateway, 'POST', '/api/teams', { name: 'shop', customer: 'acme' })
  const limits = { requests: '5000/1m' }
  await manage(gateway, 'PUT', '/api/limits/model/demo/hello', { limits, budget })
  const rights = { team: 'shop', models: ['smart', 'demo/*'], limits, budget, log_content: false }
  const { value } = await manage(gateway, 'POST', '/api/virtual-keys', { name: 'web', ...rights })
  const { callId } = await call(gateway, hello('on a picture', 'smart'), {
    headers: { 'x-bf-dim-app': 'shop' },
  })
  await call(gateway, hello('of a key that keeps nothing'), { key: String(value) })
  await call(gateway, hello('later', 'demo/hello'), { headers: { 'x-bf-async': 'true' } })
  await call(gateway, hello('refused', 'demo/error-400'))
  return callId
}
