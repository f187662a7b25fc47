import type { Rate } from './units.ts'

/** The effective configuration: immutable, defaults filled in, units resolved. */
export interface Config {
  readonly server: ServerConfig
  readonly auth: AuthConfig
  /** In the order of the file. */
  readonly providers: ReadonlyMap<string, ProviderConfig>
  readonly models: ReadonlyMap<string, ModelConfig>
  readonly virtualKeys: readonly VirtualKeyConfig[]
  /** By provider/model. */
  readonly prices: ReadonlyMap<string, PriceConfig>
  readonly jobs: JobsConfig
  /** Null: SQLite in the data directory. A path in a `sqlite:` url is absolute. */
  readonly store: { readonly url: string | null }
  readonly compat: { readonly extraFields: boolean }
  /** Absolute. */
  readonly dataDir: string
  readonly log: LogConfig
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
  readonly limits: LimitsConfig | null
  readonly budget: BudgetConfig | null
}

export interface LimitsConfig {
  readonly requests: Rate | null
  readonly tokens: Rate | null
  readonly concurrency: number | null
}

export interface BudgetConfig {
  readonly usd: number
  readonly perMs: number
  readonly assumeOutputTokens: number
  readonly unpriced: 'refuse' | 'allow'
  readonly strict: boolean
}

export interface ProviderConfig {
  readonly name: string
  readonly type: string
  /** Without a trailing slash; empty for a type that calls nobody. */
  readonly baseUrl: string
  /** Never empty; null: no credential is sent. */
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
  /** Azure only. */
  readonly apiVersion: string | null
  readonly deployments: ReadonlyMap<string, string> | null
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
}

export interface VirtualKeyConfig extends AllowanceConfig {
  readonly name: string
  readonly value: string
  readonly expiresAt: number | null
  readonly enabled: boolean
  readonly allowPinning: boolean
  /** Names in lower case; empty: none. */
  readonly forwardHeaders: readonly string[]
}

/** US dollars per million tokens. Null: as the input price. */
export interface PriceConfig {
  readonly inputPerMillion: number
  readonly cachedInputPerMillion: number | null
  readonly cacheWritePerMillion: number | null
  readonly outputPerMillion: number
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
