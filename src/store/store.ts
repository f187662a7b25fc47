import type { AccessStore } from './access-store.ts'
import type { JobStore } from './job-store.ts'
import type { LedgerStore, Recount } from './ledger-store.ts'
import type { Drift } from './recount.ts'

/**
 * Everything that must outlive the process, asked for in commands.
 *
 * A command is all or nothing, and durable once answered. All of them reject with
 * `storage_unavailable` when the store is down or closed, with `overloaded` when too many wait.
 */
export interface Store extends JobStore, AccessStore, LedgerStore {
  /** Whether other gateways may stand on it too; false: this one is alone. */
  readonly shared: boolean
  /** The commands that are not answered yet: how many, and the oldest, null: none is. They are numbered; `newest` is the last asked. */
  readonly queue: {
    readonly waiting: number
    readonly oldest: number | null
    readonly newest: number
  }
  /** All settings: small values by name (admin password hash, encryption check value, …). */
  readSettings(): Promise<ReadonlyMap<string, string>>
  /** Writes each only where absent; answers all settings as they then stand, so that two first runs agree. */
  initialiseSettings(
    entries: Readonly<Record<string, string>>,
  ): Promise<ReadonlyMap<string, string>>
  putSetting(name: string, value: string): Promise<void>
  /** Resolves when a write went through just now. */
  ping(): Promise<void>
  /** Waits for what was asked before, then lets go of the store; a second call waits for the first. */
  close(): Promise<void>
}

/** What a store does by running steps. */
export interface Commands extends Omit<Store, 'close' | 'shared' | 'queue' | 'recount'> {
  /** The two halves of `recount`: the first only reads, and long. */
  findDrift(from: number): Promise<Drift>
  correctDrift(drift: Drift): Promise<Recount>
}

export type CommandName = keyof Commands
