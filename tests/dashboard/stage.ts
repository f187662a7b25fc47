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
