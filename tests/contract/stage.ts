import { fileURLToPath } from 'node:url'
import { type RawResponse, rawConnect } from '../support/raw-client.ts'
import { type Gateway, startGateway } from '../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const uuid = (last: number): string => `00000000-0000-4000-8000-${String(last).padStart(12, '0')}`

/** The virtual keys of every stage; those named after a header may use nothing, so that a refusal names them. */
export const keys = {
  open: `sk-bf-${uuid(1)}`,
  narrow: `sk-bf-${uuid(2)}`,
  disabled: `sk-bf-${uuid(3)}`,
  expired: `sk-bf-${uuid(4)}`,
  pinning: `sk-bf-${uuid(5)}`,
  forwarding: `sk-bf-${uuid(6)}`,
  'x-bf-vk': `sk-bf-${uuid(7)}`,
  authorization: `sk-bf-${uuid(8)}`,
  'x-api-key': `sk-bf-${uuid(9)}`,
  'api-key': `sk-bf-${uuid(10)}`,
  'x-goog-api-key': `sk-bf-${uuid(11)}`,
  unknown: `sk-bf-${uuid(99)}`,
} as const

export const adminPassword = 'canary-admin-password'
export const upstreamKeys = {
  main: 'canary-upstream-main',
  spare: 'canary-upstream-spare',
  azure: 'canary-upstream-azure',
} as const

/**
 * A provider that says how long to wait is not asked again so long. Whoever lets one say so asks `limited`, or
 * `limited-azure`, for the model `QUOTA-NAME`: each of these quotas has a key of its own there, so that nobody else waits.
 */
export const quotas = [
  ...['waits', 'busy', 'ai0', 'ai1', 'ai2', 'ai3'],
  ...[0, 1, 2, 3, 4, 5].flatMap((flavour) => [`plain${flavour}`, `streamed${flavour}`]),
]

export const basic = (name: string, password: string): string =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
export const adminBasic = basic('admin', adminPassword)

export interface Stage {
  readonly gateway: Gateway
  readonly upstream: Upstream
  close(): Promise<void>
}

/** A started gateway and its upstream. Without the front, chat calls go through the framework. */
export async function openStage(options: {
  readonly front: boolean
  /** Laid over the top level of the configuration. */
  readonly changes?: object
}): Promise<Stage> {
  const upstream = await startUpstream()
  const config = { ...configFor(upstream), ...options.changes }
  const entry = fileURLToPath(new URL('../support/serve-without-front.ts', import.meta.url))
  try {
    const gateway = await startGateway({ config, ...(options.front ? {} : { entry }) })
    return {
      gateway,
      upstream,
      async close() {
        await gateway.stop('SIGINT')
        await upstream.stop()
      },
    }
  } catch (thrown) {
    await upstream.stop()
    throw thrown
  }
}

export const serverSettings = {
  drain: { delay: '0s', grace: '5s' },
  cors: { origins: ['https://app.example.com'] },
}

/** What fails is told as it is: that others are asked, or the same again, is tested elsewhere. */
const retries = { max: 0 }

const quotaKey = (quota: string, value: string): object => ({
  name: quota,
  value,
  models: [`${quota}-*`],
})

export function configFor(upstream: Upstream) {
  const refused = (name: keyof typeof keys) => ({
    name,
    value: keys[name],
    models: ['nothing/at-all'],
  })
  return {
    version: 1,
    server: serverSettings,
    auth: { admin: { username: 'admin', password: adminPassword } },
    providers: {
      demo: {},
      openai: {
        base_url: `${upstream.url}/v1`,
        keys: [
          { name: 'main', value: upstreamKeys.main },
          { name: 'spare', value: upstreamKeys.spare, weight: 0, models: ['pinned'] },
        ],
        retries,
      },
      azure: {
        base_url: upstream.url,
        api_version: '2024-10-21',
        deployments: { 'gpt-4o': 'my-gpt4o' },
        keys: [{ name: 'eu', value: upstreamKeys.azure }],
        retries,
      },
      local: { type: 'openai-compatible', base_url: `${upstream.url}/v1`, retries },
      limited: {
        type: 'openai-compatible',
        base_url: `${upstream.url}/v1`,
        keys: quotas.map((quota) => quotaKey(quota, upstreamKeys.main)),
        retries,
      },
      'limited-azure': {
        type: 'azure',
        base_url: upstream.url,
        keys: quotas.map((quota) => quotaKey(quota, upstreamKeys.azure)),
        retries,
      },
    },
    models: {
      smart: { targets: [{ model: 'openai/behind-smart' }] },
      'local/renamed': { targets: [{ model: 'openai/behind-renamed' }] },
    },
    virtual_keys: [
      { name: 'open', value: keys.open },
      {
        name: 'narrow',
        value: keys.narrow,
        models: ['smart', 'openai/gpt-*', 'azure/gpt-4o', 'bare-allowed'],
      },
      { name: 'disabled', value: keys.disabled, enabled: false },
      { name: 'expired', value: keys.expired, expires_at: '2020-01-01T00:00:00Z' },
      { name: 'pinning', value: keys.pinning, allow_pinning: true },
      { name: 'forwarding', value: keys.forwarding, forward_headers: ['X-Trace-Me'] },
      ...(['x-bf-vk', 'authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const).map(
        refused,
      ),
    ],
  }
}

export type HeaderList = readonly (readonly [string, string])[]

export const withKey = (value: string): HeaderList => [['authorization', `Bearer ${value}`]]

export interface Ask {
  readonly method?: string
  readonly path?: string
  /** Sent in this order, duplicates and all. */
  readonly headers?: HeaderList
  /** An object goes out as JSON; none means no body at all. */
  readonly body?: string | Uint8Array | object
}

/** One request on a connection of its own. The headers HTTP needs are added where they are not given. */
export async function ask({ port }: { readonly port: number }, asked: Ask): Promise<RawResponse> {
  using client = await rawConnect(port)
  await client.write(requestBytes(asked))
  return await client.response()
}

export function requestBytes({ method, path, headers = withKey(keys.open), body }: Ask): Buffer {
  const bytes =
    body === undefined || typeof body === 'string' || body instanceof Uint8Array
      ? Buffer.from(body ?? '')
      : Buffer.from(JSON.stringify(body))
  const given = new Set(headers.map(([name]) => name.toLowerCase()))
  const usual: [string, string][] = [['host', '127.0.0.1']]
  if (body !== undefined)
    usual.push(['content-type', 'application/json'], ['content-length', String(bytes.length)])
  const lines = [...usual.filter(([name]) => !given.has(name)), ...headers]
  const verb = method ?? (body === undefined ? 'GET' : 'POST')
  const top = [`${verb} ${path ?? '/v1/chat/completions'} HTTP/1.1`]
  for (const [name, value] of lines) top.push(`${name}: ${value}`)
  return Buffer.concat([Buffer.from(`${top.join('\r\n')}\r\n\r\n`, 'latin1'), bytes])
}

/** The smallest good chat request. */
export const chat = (model: string, more: object = {}): object => ({
  model,
  messages: [{ role: 'user', content: 'hi' }],
  ...more,
})

export interface Envelope {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string | null
  }
  readonly is_bifrost_error: boolean
  readonly status_code: number
  readonly type: string
}

/** The envelope of an error answer, its outside checked: type, id and status are the same everywhere. */
export function envelopeOf(answer: RawResponse): Envelope {
  const wire = answer.json() as Envelope
  const wrong = [
    answer.headers['content-type'] === 'application/json' ? '' : 'content type',
    answer.headers['x-request-id'] ? '' : 'x-request-id',
    wire.status_code === answer.status ? '' : 'status_code',
    typeof wire.error?.message === 'string' && wire.error.message !== '' ? '' : 'message',
    wire.error && 'param' in wire.error && 'code' in wire.error ? '' : 'param or code',
  ].filter(Boolean)
  if (wrong.length > 0)
    throw new Error(`not the error envelope (${wrong.join(', ')}): ${answer.status} ${answer.text}`)
  return wire
}
