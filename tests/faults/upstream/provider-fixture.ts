import type {
  Config,
  ProviderConfig,
  ProviderKeyConfig,
  TimeoutsConfig,
} from '../../../src/config/config.ts'
import type { VirtualKey } from '../../../src/core/principal.ts'
import type { Credential } from '../../../src/credentials/credential.ts'
import { compileSnapshot, type Provider, type Snapshot } from '../../../src/gateway/snapshot.ts'
import { providerTypes } from '../../../src/providers/registry.ts'
import type { Endpoint } from '../../../src/transport/transport.ts'

export const keyOf = (name = 'main', value = 'sk-secret', weight = 1): ProviderKeyConfig => ({
  name,
  value,
  weight,
  models: null,
  quotaGroup: name,
  cloud: {},
})

export const usualTimeouts: TimeoutsConfig = {
  connectMs: 1000,
  firstByteMs: null,
  firstTokenMs: null,
  idleMs: 1000,
  totalMs: 10_000,
  streamTotalMs: 20_000,
  jobMs: 1_800_000,
}

const providerConfig = (changes: Partial<ProviderConfig>): ProviderConfig => ({
  name: 'up',
  type: 'openai-compatible',
  baseUrl: 'https://provider.example/v1',
  keys: [keyOf()],
  headers: {},
  timeouts: usualTimeouts,
  proxy: null,
  tls: { ca: null },
  retries: { max: 0, baseMs: 1, capMs: 1 },
  maxConcurrency: 10,
  limits: null,
  budget: null,
  apiVersion: null,
  deployments: null,
  dropUnsupported: false,
  fetchImages: null,
  reach: 'any',
  ...changes,
})

const nobody: Endpoint = {
  send: () => {
    throw new Error('nothing is sent in this test')
  },
}

interface Parts {
  readonly providers?: readonly Partial<ProviderConfig>[]
  readonly models?: Config['models']
  readonly auth?: Partial<Config['auth']>
  readonly endpoint?: Endpoint
  /** Of every key. */
  readonly credential?: Credential
  readonly keys?: readonly VirtualKey[]
  readonly jobs?: Partial<Config['jobs']>
  readonly maxReplyBytes?: number
}

/** What a configuration compiles to, without reading one. */
export function snapshotOf({
  providers = [{}],
  models,
  auth,
  endpoint,
  credential,
  keys = [],
  jobs,
  maxReplyBytes = 100_000,
}: Parts = {}): Snapshot {
  const configs = providers.map(providerConfig)
  const config = {
    server: { maxReplyBytes },
    auth: { inference: 'required', anonymous: null, ...auth },
    providers: new Map(configs.map((each) => [each.name, each])),
    models: models ?? new Map(),
    prices: new Map(),
    jobs,
    requestLog: { enabled: true, content: 'none', clientAddress: 'none' },
  } as unknown as Config
  return compileSnapshot({
    config,
    types: providerTypes,
    keys,
    keySecret: Buffer.alloc(32),
    admin: { check: () => null },
    openEndpoint: () => endpoint ?? nobody,
    openCredential: () => credential ?? null,
  })
}

export const providerOf = (changes: Partial<ProviderConfig> = {}): Provider =>
  [...snapshotOf({ providers: [changes] }).providers.values()][0] as Provider
