import type { Scope } from './allowance.ts'

/** Who makes a call. */
export interface Principal {
  /** Of the key, stable over renaming; empty for all others. */
  readonly id: string
  readonly teamId: string
  readonly customerId: string
  /** Whose limits and budgets all have to allow its calls: the key's own, its team's, its customer's. */
  readonly scopes: readonly Scope[]
  readonly kind: 'virtual-key' | 'admin' | 'anonymous'
  /** The key's name: what logs, metrics and jobs know the caller by. */
  readonly name: string
  /** Patterns of the models it may use; null is all. */
  readonly models: readonly string[] | null
  /** Names of the providers that may serve it, and of their keys as `provider/key`; null is all. */
  readonly providers: readonly string[] | null
  readonly providerKeys: readonly string[] | null
  /** Which `x-bf-eh-<name>` headers it may send on; null is any. */
  readonly forwardHeaders: readonly string[] | null
  readonly mayPin: boolean
  /** False: what is said in its calls is never kept, whatever the log keeps of others. */
  readonly logContent: boolean
}

/** A virtual key as the gateway keeps it: never its value, only the keyed hash of it. */
export interface VirtualKey {
  readonly name: string
  /** Hex HMAC-SHA-256. */
  readonly hash: string
  readonly enabled: boolean
  /** Epoch milliseconds. */
  readonly expiresAt: number | null
  /** Whether it holds is the store's to say; else the configuration file's. */
  readonly isStored?: boolean
  readonly principal: Principal
}

/** Whose a job is: by name, so that a key with a new value still reads what it submitted with the old one. */
export const ownerOf = ({ kind, name }: Principal): string =>
  kind === 'virtual-key' ? `key:${name}` : `${kind}:`

/** Of a principal that nothing is counted for and that nothing but its models restricts. */
export const unbound = {
  id: '',
  teamId: '',
  customerId: '',
  scopes: [],
  providers: null,
  providerKeys: null,
  logContent: true,
} as const
