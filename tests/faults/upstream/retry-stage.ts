import {
  postBytes,
  type RawClient,
  type RawResponse,
  rawConnect,
} from '../../support/raw-client.ts'
import { type Gateway, startGateway } from '../../support/start-gateway.ts'
import { startUpstream, type Upstream } from '../../support/upstream.ts'
import type { SeenRequest } from '../../support/upstream-request.ts'
import type { Steps } from '../../support/upstream-script.ts'
import { eventually } from './rig.ts'

type Fields = Readonly<Record<string, unknown>>

export interface StageProvider {
  /** By default one, `k1`; a quota shared by some stands behind a colon: `k1:shared`. */
  readonly keys?: readonly string[]
  readonly fields?: Fields
}

export interface StageOptions {
  readonly providers: Readonly<Record<string, StageProvider>>
  readonly models?: Fields
  readonly virtualKeys?: readonly Fields[]
  readonly server?: Fields
  readonly auth?: Fields
}

/** Several providers in one scripted upstream, told apart by the keys they are called with. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const upstream = await startUpstream()
  const gateway = await startGateway({
    config: {
      version: 1,
      server: { drain: { delay: '0s' }, ...options.server },
      auth: { inference: 'optional', ...options.auth },
      providers: Object.fromEntries(
        Object.entries(options.providers).map(([name, each]) => [
          name,
          providerBlock(name, each, upstream.url),
        ]),
      ),
      ...(options.models && { models: options.models }),
      ...(options.virtualKeys && { virtual_keys: options.virtualKeys }),
    },
    args: ['--log-level', 'info', '--log-format', 'json'],
  })
  return new Stage(gateway, upstream)
}

function providerBlock(name: string, { keys = ['k1'], fields }: StageProvider, url: string) {
  return {
    type: 'openai-compatible',
    base_url: `${url}/v1`,
    keys: keys.map((key) => {
      const [own = '', group] = key.split(':')
      const value = `sk-${name}-${own}-0123456789`
      return { name: own, value, ...(group && { quota_group: group }) }
    }),
    retries: { base: '1ms', cap: '5ms' },
    ...fields,
  }
}

/** `provider/key` of a request. */
export const whoIn = ({ credential = '' }: SeenRequest): string => {
  const [, provider, key] = credential.split('-')
  return `${provider}/${key}`
}

class Stage {
  readonly gateway: Gateway
  readonly upstream: Upstream
  #sent = 0

  constructor(gateway: Gateway, upstream: Upstream) {
    this.gateway = gateway
    this.upstream = upstream
  }

  /** What each provider answers for a model; `who` is `provider/key`. */
  on(model: string, answer: (who: string, request: SeenRequest) => Steps): void {
    this.upstream.on(model, (request) => answer(whoIn(request), request))
  }

  /** Who was asked for a model, in order. */
  asked(model: string): string[] {
    return this.upstream.requests.filter((each) => each.model === model).map(whoIn)
  }

  async open(
    model: string,
    fields: Fields = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RawClient & { readonly label: string }> {
    const client = await rawConnect(this.gateway.port)
    const label = `call-${++this.#sent}`
    const body = { model, messages: [{ role: 'user', content: 'one two three' }], ...fields }
    await client.write(
      postBytes('/v1/chat/completions', { 'x-request-id': label, ...headers }, body),
    )
    return Object.assign(client, { label })
  }

  async call(
    model: string,
    fields: Fields = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RawResponse> {
    using client = await this.open(model, fields, headers)
    return await client.response(20_000)
  }

  /** The call's line in the log, once it is written. */
  record(label: string): Promise<Fields> {
    const look = (): Fields | undefined =>
      this.gateway
        .stderr()
        .split('\n')
        .slice(0, -1)
        .filter((line) => line.includes(`"${label}"`))
        .map((line) => JSON.parse(line) as Fields)
        .find((line) => line['msg'] === 'call')
    return eventually(look, `a record of ${label}`)
  }

  async close(): Promise<void> {
    await this.gateway.stop('SIGINT').finally(() => this.upstream.stop())
  }
}

export type { Stage }
