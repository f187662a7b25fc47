import type { Budget, Limits } from '../core/allowance.ts'
import type { OwnPrice } from '../core/price.ts'
import type { TracingConfig } from './compile-tracing.ts'

/** The effective configuration: immutable, defaults filled in, units resolved. */
export interface Config {
  readonly server: ServerConfig
  readonly auth: AuthConfig
  /** In the order of the file. */
  readonly providers: ReadonlyMap<string, ProviderConfig>
  readonly models: ReadonlyMap<string, ModelConfig>
  readonly virtualKeys: readonly VirtualKeyConfig[]
  /** By provider/model. */
  readonly teams: readonly TeamConfig[]
  readonly customers: readonly CustomerConfig[]
  /** By `provider/model`, each list rising by its times. */
  readonly prices: ReadonlyMap<string, readonly OwnPrice[]>
  readonly jobs: JobsConfig
  /** Null: SQLite in the data directory. A path in a `sqlite:` url is absolute. */
  readonly store: { readonly url: string | null }
  readonly compat: { readonly extraFields: boolean }
  /** Absolute. */
  readonly dataDir: string
  readonly log: LogConfig
  readonly requestLog: RequestLogConfig
  /** From the environment alone; null: traces are off. */
  readonly tracing: TracingConfig | null
}

export interface RequestLogConfig {
  readonly enabled: boolean
  readonly content: 'none' | 'errors' | 'all'
  readonly contentKeepMs: number
  readonly keepMs: number
  readonly maxBytes: number
  readonly maxBodyBytes: number
  /** `masked`: the network a client is in. */
  readonly clientAddress: 'none' | 'masked' | 'full'
}

export interface LogConfig {
  readonly level: LogLevel
  /** Null: pretty on a terminal, else json. */
  readonly format: 'pretty' | 'json' | null
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

export interface ServerConfig {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly maxBodyBytes: number
  readonly maxReplyBytes: number
  readonly maxBufferedBytes: number
  readonly maxInFlight: { readonly plain: number; readonly streams: number }
  /** Null: no origin is allowed. */
  readonly corsOrigins: readonly string[] | null
  /** Lower case, without port. */
  readonly hosts: readonly string[]
  /** Addresses and CIDR ranges. */
  readonly trustedProxies: readonly string[]
  readonly metricsPublic: boolean
  readonly drain: { readonly delayMs: number; readonly graceMs: number }
  readonly stream: { readonly holdMs: number; readonly keepAliveMs: number }
}

export interface AuthConfig {
  readonly inference: 'required' | 'optional'
  readonly admin: { readonly username: string; readonly password: string | null }
  /** What optional callers may do; null: everything. */
  readonly anonymous: AllowanceConfig | null
}

/** What a caller may use. Null: all models, no limit, no budget. */
export interface AllowanceConfig {
  readonly models: readonly string[] | null
  readonly limits: Limits | null
  readonly budget: Budget | null
}

export interface ProviderConfig {
  readonly name: string
  readonly type: string
  /** Without a trailing slash; empty for a type that calls nobody. */
  readonly baseUrl: string
  /** Null: no credential is sent. Empty: it has some, made by the API, and none of them is in force. */
  readonly keys: readonly ProviderKeyConfig[] | null
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly timeouts: TimeoutsConfig
  /** The proxy to use, from the file or else from the environment; null: none. */
  readonly proxy: string | null
  /** PEM text of the certificate authorities to trust in place of the usual ones. */
  readonly tls: { readonly ca: string | null }
  readonly retries: { readonly max: number; readonly baseMs: number; readonly capMs: number }
  readonly maxConcurrency: number
  /** Of all callers together. */
  readonly limits: Limits | null
  readonly budget: Budget | null
  /** Azure only. */
  readonly apiVersion: string | null
  readonly deployments: ReadonlyMap<string, string> | null
  /** What the provider cannot be told is left out and reported, where a call else would be refused. */
  readonly dropUnsupported: boolean
  /** Null: links are not fetched. */
  readonly fetchImages: FetchImagesConfig | null
  /** To which addresses its connections may lead; `private`: to those of the private network as well as public ones. */
  readonly reach: 'any' | 'private' | 'public'
}

export interface FetchImagesConfig {
  /** Of each. */
  readonly maxBytes: number
  readonly maxCount: number
  /** For all of a call together. */
  readonly timeoutMs: number
  readonly allowPrivateNetwork: boolean
}

export interface TimeoutsConfig {
  readonly connectMs: number
  /** Null: not configured, so the default depends on the kind of call. */
  readonly firstByteMs: number | null
  readonly firstTokenMs: number | null
  readonly idleMs: number
  readonly totalMs: number
  readonly streamTotalMs: number
  readonly jobMs: number
}

export interface ProviderKeyConfig {
  readonly name: string
  readonly value: string | null
  readonly weight: number
  /** Null: all. */
  readonly models: readonly string[] | null
  /** Unique to the key where none is configured. */
  readonly quotaGroup: string
  /** The settings of cloud keys as the file spells them, such as `region`; `credentials_file` is absolute. */
  readonly cloud: Readonly<Record<string, string>>
}

export interface ModelConfig {
  readonly name: string
  readonly strategy: 'weighted' | 'priority' | 'least-latency'
  /** Never empty. Those of providers that do not exist are left out, here and in the fallbacks. */
  readonly targets: readonly { readonly model: string; readonly weight: number }[]
  readonly fallbacks: readonly string[]
  /** The same as they were written, those of providers that the file does not have too. */
  readonly declared: Pick<ModelConfig, 'targets' | 'fallbacks'>
  /** Of all callers together. */
  readonly limits: Limits | null
  readonly budget: Budget | null
  /** Null: off. `share` is above 0 and at most 1. */
  readonly hedge: { readonly share: number; readonly afterMs: number } | null
}

export interface VirtualKeyConfig extends AllowanceConfig {
  readonly name: string
  readonly value: string
  /** Names; null: all. */
  readonly providers: readonly string[] | null
  /** `provider/key`; null: all. */
  readonly providerKeys: readonly string[] | null
  /** By name; of the file's. */
  readonly team: string | null
  readonly customer: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly expiresAt: number | null
  readonly enabled: boolean
  readonly allowPinning: boolean
  /** False: what is said in its calls is not kept. */
  readonly logContent: boolean
  /** Names in lower case; empty: none. */
  readonly forwardHeaders: readonly string[]
}

export interface CustomerConfig {
  readonly name: string
  readonly limits: Limits | null
  readonly budget: Budget | null
  readonly metadata: Readonly<Record<string, string>>
}

export interface TeamConfig extends CustomerConfig {
  /** By name; one of the file's customers. */
  readonly customer: string | null
}

export interface JobsConfig {
  readonly concurrency: number
  readonly perKeyConcurrency: number
  readonly queueLimit: number
  readonly perKeyQueueLimit: number
  readonly resultTtlMs: number
  readonly maxResultTtlMs: number
  readonly maxAttempts: number
  readonly maxBodyBytes: number
  readonly maxResultBytes: number
  readonly queueBytes: number
}
