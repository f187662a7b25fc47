import type { JobStore } from './job-store.ts'

/** A virtual key as it is kept: never its clear text. Times are epoch ms. */
export interface StoredKey {
  readonly id: string
  readonly name: string
  /** Hex HMAC-SHA-256, 64 characters. */
  readonly hash: string
  /** What may be shown of the key: `sk-bf-...2a77`. */
  readonly hint: string
  readonly origin: 'first-run' | 'file' | 'api'
  /** Null means every model; patterns as in the configuration. */
  readonly models: readonly string[] | null
  readonly enabled: boolean
  readonly expiresAt: number | null
  readonly createdAt: number
  readonly disabledAt: number | null
}

/** A virtual key of the configuration file. Its rights stay in the file; the store keeps its history. */
export type FileKey = Pick<StoredKey, 'id' | 'name' | 'hash' | 'hint'>

/**
 * Everything that must outlive the process, asked for in commands.
 *
 * A command is all or nothing, and durable once answered. All of them reject with
 * `storage_unavailable` when the store is down or closed, with `overloaded` when too many wait.
 */
export interface Store extends JobStore {
  /** Whether other gateways may stand on it too; false: this one is alone. */
  readonly shared: boolean
  /** All settings: small values by name (admin password hash, encryption check value, …). */
  readSettings(): Promise<ReadonlyMap<string, string>>
  /** Writes each only where absent; answers all settings as they then stand, so that two first runs agree. */
  initialiseSettings(
    entries: Readonly<Record<string, string>>,
  ): Promise<ReadonlyMap<string, string>>
  putSetting(name: string, value: string): Promise<void>
  /** Oldest first. A key of the file may stand beside another of the same name. */
  listKeys(): Promise<readonly StoredKey[]>
  /** A name is taken by a key of the same side only: the file is one side, everything else the other. */
  createKey(key: StoredKey): Promise<'created' | 'name_taken'>
  /**
   * Makes the keys of origin `file` follow the file, told apart by name: new ones are added, changed
   * hashes replaced, those no longer in it disabled, those back in it enabled again under their old id.
   */
  followFileKeys(keys: readonly FileKey[], now: number): Promise<void>
  /** False when there is no such key outside the file; a key of the file is switched in the file. */
  setKeyEnabled(name: string, enabled: boolean, now: number): Promise<boolean>
  /** Resolves when a write went through just now. */
  ping(): Promise<void>
  /** Waits for what was asked before, then lets go of the store; a second call waits for the first. */
  close(): Promise<void>
}

/** What a store does by running steps. */
export type CommandName = Exclude<keyof Store, 'close' | 'shared'>
