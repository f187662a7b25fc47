import type { Budget, Limits, ScopeKind } from '../core/allowance.ts'

/** What everything the API manages has. `version` counts up with every change, and is what `If-Match` is about. */
export interface Managed {
  readonly id: string
  readonly name: string
  readonly version: number
  readonly createdAt: number
  readonly updatedAt: number
  /** Free-form labels of the operator's. */
  readonly metadata: Readonly<Record<string, string>>
}

export interface Allowed {
  readonly limits: Limits | null
  readonly budget: Budget | null
}

export interface StoredTeam extends Managed, Allowed {
  readonly customerId: string | null
}
export interface StoredCustomer extends Managed, Allowed {}

/** Rights of a key; null means no restriction. Patterns as in the configuration. */
export interface KeyRights extends Allowed {
  readonly models: readonly string[] | null
  readonly providers: readonly string[] | null
  /** Names of provider keys it may be served with, as `provider/key`. */
  readonly providerKeys: readonly string[] | null
  readonly forwardHeaders: readonly string[]
  readonly mayPin: boolean
  /** False: what is said in its calls is not kept, whatever the request log says. */
  readonly logContent: boolean
  readonly teamId: string | null
  readonly customerId: string | null
  readonly expiresAt: number | null
  readonly metadata: Readonly<Record<string, string>>
}

/** A virtual key as it is kept: never its clear text. */
export interface StoredKey extends Managed, KeyRights {
  /** Hex HMAC-SHA-256, 64 characters. */
  readonly hash: string
  /** What may be shown of the key: `sk-bf-...2a77`. */
  readonly hint: string
  /** A key of the file has its rights there; the store keeps its history, and its id. */
  readonly origin: 'first-run' | 'file' | 'api'
  readonly enabled: boolean
  readonly disabledAt: number | null
  /** The key before the last rotation, which opens as well until then. */
  readonly previous: { readonly hash: string; readonly until: number } | null
  /** Null: it is there. A deleted key is disabled and kept, since the ledger tells of it; its name is free. */
  readonly deletedAt: number | null
}

/** A virtual key of the configuration file. Its rights stay in the file; the store keeps its history. */
export type FileKey = Pick<StoredKey, 'id' | 'name' | 'hash' | 'hint'>

/** What may be changed of a key; what is absent stays. */
export type KeyPatch = Partial<KeyRights & Pick<StoredKey, 'name' | 'enabled'>>

export interface KeyRotation extends Pick<StoredKey, 'hash' | 'hint'> {
  /** Until when the hash before opens as well; null: it is over at once. */
  readonly overlapUntil: number | null
}

/** Limits and budget of a provider or a model, for all callers together. */
export interface StoredScope extends Allowed {
  readonly kind: Extract<ScopeKind, 'provider' | 'model'>
  readonly name: string
  readonly version: number
  readonly updatedAt: number
}

/**
 * A provider made through the API. `settings` is what the file would say below its name, without keys; whatever is secret
 * of it stands under `sealed` in it, as one text.
 */
export interface StoredProvider extends Managed {
  readonly settings: Readonly<Record<string, unknown>>
}

/** Sealed: whatever is secret stands in `sealed`, encrypted by `governance/sealer.ts` with the row's id bound in. */
export interface StoredProviderKey extends Managed {
  readonly provider: string
  readonly hint: string
  readonly sealed: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly enabled: boolean
}

/** What is managed in one and the same way. */
export interface ManagedKinds {
  readonly team: StoredTeam
  readonly customer: StoredCustomer
  readonly provider: StoredProvider
  readonly provider_key: StoredProviderKey
}

export type ManagedKind = keyof ManagedKinds

/** What may be changed; what is absent stays. */
export type ManagedPatch<Kind extends ManagedKind> = Partial<
  Omit<ManagedKinds[Kind], 'id' | 'version' | 'createdAt' | 'updatedAt'>
>

export interface AuditEntry {
  /** Sorts by time. */
  readonly id: string
  readonly at: number
  readonly actor: string
  /** `create`, `update`, `rotate`, `disable`, `delete`, `login`, `reload`, … */
  readonly action: string
  readonly kind: string
  readonly object: string
  readonly requestId: string
  /** Masked; null: there was none. */
  readonly before: Readonly<Record<string, unknown>> | null
  readonly after: Readonly<Record<string, unknown>> | null
}

export interface StoredSession {
  /** Hex SHA-256 of the token. */
  readonly id: string
  readonly actor: string
  readonly createdAt: number
  readonly usedAt: number
  readonly expiresAt: number
}

export interface AuditFilter {
  /** Null: any. */
  readonly kind: string | null
  readonly object: string | null
  readonly actor: string | null
}

/** A session is over when it was not used for `idleMs`, `absoluteMs` after its beginning, and at its own end. */
export interface SessionRules {
  readonly idleMs: number
  readonly absoluteMs: number
  /** Its use is written down at most this often: else every page would cost a write. */
  readonly noteMs: number
}

/** A text that `governance/sealer.ts` made, or that has one in it. */
export interface SealedText {
  /** Where it stands: a provider key's `sealed`, a provider's `settings`, a job's `context`. */
  readonly place: 'provider_key' | 'provider' | 'job'
  readonly id: string
  readonly text: string
}

/** How a conditional write went. */
export type Written<T> =
  | { readonly kind: 'written'; readonly value: T }
  | { readonly kind: 'missing' }
  /** Somebody else wrote in between. */
  | { readonly kind: 'changed'; readonly version: number }
  | { readonly kind: 'name_taken' }
  /** Something still refers to it. */
  | { readonly kind: 'in_use'; readonly by: string }
  /** It refers to a team or a customer that is not there. */
  | { readonly kind: 'no_such'; readonly what: 'team' | 'customer' }

export interface Page {
  /** By creation, the newest first; the id of the last one seen. */
  readonly after: string | null
  readonly limit: number
}

/** What the ledger names by ids. */
export type NamedKind = 'key' | 'team' | 'customer'

/** Of keys of the file only `search` and `side` are asked: what else they have stands in the file. */
export interface KeyFilter {
  /** A part of the name, in any case; what is found by it may be more. Null: any, as in the others. */
  readonly search: string | null
  readonly side: 'file' | 'api' | null
  readonly teamId: string | null
  readonly customerId: string | null
  readonly enabled: boolean | null
}

/**
 * Who may do what, in commands. A change is conditional on `version`, null: whichever there is. Whatever changes what
 * decides about calls counts the access version up, and writes its audit entry, both in the same transaction; what
 * changes nothing (a result other than `written`) does neither.
 */
export interface AccessStore {
  /** Another number after every change: to be polled by the other nodes. Keys of the file do not count, each has its own. */
  accessVersion(): Promise<number>

  /** Oldest first, without those deleted. A key of the file may stand beside another of the same name. */
  listKeys(): Promise<readonly StoredKey[]>
  /** The newest first, without those deleted. `after` may be any key that ever was. */
  pageKeys(filter: KeyFilter, page: Page): Promise<readonly StoredKey[]>
  /** Names by ids; of keys that were deleted as well. What is not there is left out. */
  findNames(kind: NamedKind, ids: readonly string[]): Promise<ReadonlyMap<string, string>>
  /** Also one that was deleted. */
  findKey(id: string): Promise<StoredKey | null>
  /** A name is taken by a key of the same side only: the file is one side, everything else the other. */
  createKey(key: StoredKey, audit?: AuditEntry | null): Promise<Written<StoredKey>>
  /** `missing` also for a key of the file: it is changed there. So are the following three. */
  updateKey(
    id: string,
    version: number | null,
    patch: KeyPatch,
    now: number,
    audit: AuditEntry | null,
  ): Promise<Written<StoredKey>>
  rotateKey(
    id: string,
    version: number | null,
    rotation: KeyRotation,
    now: number,
    audit: AuditEntry | null,
  ): Promise<Written<StoredKey>>
  deleteKey(
    id: string,
    version: number | null,
    now: number,
    audit: AuditEntry | null,
  ): Promise<Written<StoredKey>>
  /** False when there is no such key outside the file; a key of the file is switched in the file. */
  setKeyEnabled(
    name: string,
    enabled: boolean,
    now: number,
    audit?: AuditEntry | null,
  ): Promise<boolean>
  /**
   * Makes the keys of origin `file` follow the file, told apart by name: new ones are added, changed
   * hashes replaced, those no longer in it disabled, those back in it enabled again under their old id.
   */
  followFileKeys(keys: readonly FileKey[], now: number): Promise<void>

  /** `search`: a part of the name, in any case; what is found by it may be more. Null: any. */
  listManaged<Kind extends ManagedKind>(
    kind: Kind,
    page: Page,
    search?: string | null,
  ): Promise<readonly ManagedKinds[Kind][]>
  findManaged<Kind extends ManagedKind>(kind: Kind, id: string): Promise<ManagedKinds[Kind] | null>
  /** Names are unique within a kind, those of provider keys within their provider. */
  createManaged<Kind extends ManagedKind>(
    kind: Kind,
    value: ManagedKinds[Kind],
    audit: AuditEntry | null,
  ): Promise<Written<ManagedKinds[Kind]>>
  updateManaged<Kind extends ManagedKind>(
    kind: Kind,
    id: string,
    version: number | null,
    patch: ManagedPatch<Kind>,
    now: number,
    audit: AuditEntry | null,
  ): Promise<Written<ManagedKinds[Kind]>>
  /** `in_use` while a key or a team belongs to it, or a provider key to the provider. */
  deleteManaged<Kind extends ManagedKind>(
    kind: Kind,
    id: string,
    version: number | null,
    audit: AuditEntry | null,
  ): Promise<Written<ManagedKinds[Kind]>>

  /** By kind and name. */
  listScopes(): Promise<readonly StoredScope[]>
  /** Makes it or replaces it. `version` 0: only makes it. */
  putScope(
    scope: Pick<StoredScope, 'kind' | 'name' | 'limits' | 'budget'>,
    version: number | null,
    now: number,
    audit: AuditEntry | null,
  ): Promise<Written<StoredScope>>
  deleteScope(
    kind: StoredScope['kind'],
    name: string,
    version: number | null,
    audit: AuditEntry | null,
  ): Promise<Written<StoredScope>>

  /** Everything sealed that there is, provider keys first; at most `limit` after the last one seen. */
  listSealed(
    after: Pick<SealedText, 'place' | 'id'> | null,
    limit: number,
  ): Promise<readonly SealedText[]>
  /** Writes `text` where `was` still stands. Answers how many that were: what changed meanwhile is to be listed again. */
  resealKeys(
    entries: readonly (SealedText & { readonly was: string })[],
    audit: AuditEntry | null,
  ): Promise<number>

  createSession(session: StoredSession, audit: AuditEntry | null): Promise<void>
  /** Null: there is none, or it is over. */
  touchSession(id: string, rules: SessionRules, now: number): Promise<StoredSession | null>
  /** Those that are not over, the newest first; at most 200. */
  listSessions(actor: string, rules: SessionRules, now: number): Promise<readonly StoredSession[]>
  /** False: there was none. */
  deleteSession(id: string, audit: AuditEntry | null): Promise<boolean>
  /** All of an actor. Answers how many. */
  deleteSessions(actor: string, audit: AuditEntry | null): Promise<number>
  /** Removes those that are over. Answers how many. */
  sweepSessions(rules: SessionRules, now: number): Promise<number>

  /** For what changes nothing here: a login refused, a reload. */
  appendAudit(entry: AuditEntry): Promise<void>
  /** Newest first. Nothing is ever changed or removed. */
  listAudit(filter: AuditFilter, page: Page): Promise<readonly AuditEntry[]>
}
