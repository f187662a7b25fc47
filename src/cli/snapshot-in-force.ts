import type { ProviderDesk, ProviderStanding } from '../api/admin/provider-desk.ts'
import type { StoredContext } from '../config/compile-stored.ts'
import type { Config } from '../config/config.ts'
import type { Scope } from '../core/allowance.ts'
import type { Clock } from '../core/runtime.ts'
import { type Snapshot, type SnapshotParts, withAccess } from '../gateway/snapshot.ts'
import type { Sealer } from '../governance/sealer.ts'
import type { Store } from '../store/store.ts'
import { followFileKeys, readKeysInForce } from './keys-in-force.ts'
import { readProviders, withStored } from './providers-in-force.ts'

type Access = Pick<SnapshotParts, 'keys' | 'scopes' | 'keySecret'>

export interface SnapshotInForceParts {
  readonly store: Store
  readonly keySecret: Buffer
  readonly sealer: Sealer
  readonly context: StoredContext
  readonly clock: Clock
  readonly compile: (config: Config, access: Access) => Snapshot
  /** Of what was made by the API and is not in force; told once, as long as it stays the same. */
  readonly warn: (id: string, problem: string) => void
}

/** What is in force, made of the file and the store: one change at a time, whichever side it comes from. */
export class SnapshotInForce implements ProviderDesk {
  readonly #parts: SnapshotInForceParts
  #file: Config
  #standing: ProviderStanding = { problems: new Map(), warnings: new Map() }
  #stamp = ''
  #turn: Promise<unknown> = Promise.resolve()
  #snapshot: Snapshot | null = null
  /** Puts a snapshot in force; `isWhole`: more than who may come in has changed. */
  #swap: (snapshot: Snapshot, isWhole: boolean) => void = () => {}

  constructor(file: Config, parts: SnapshotInForceParts) {
    this.#file = file
    this.#parts = parts
  }

  /** The first one. */
  async begin(): Promise<Snapshot> {
    return await this.#compile(this.#file)
  }

  connect(swap: (snapshot: Snapshot, isWhole: boolean) => void): void {
    this.#swap = swap
  }

  file(): Config {
    return this.#file
  }

  standing(): ProviderStanding {
    return this.#standing
  }

  get context(): StoredContext {
    return this.#parts.context
  }

  /** Another file. */
  reload(file: Config): Promise<void> {
    return this.#inTurn(async () => {
      const snapshot = await this.#compile(file)
      this.#file = file
      this.#swap(snapshot, true)
    })
  }

  /** What the store has by now. */
  renew(): Promise<void> {
    return this.#inTurn(async () => {
      const stored = await readProviders(this.#parts.store)
      if (this.#snapshot === null || stored.stamp !== this.#stamp) {
        this.#swap(await this.#compile(this.#file), true)
        return
      }
      this.#snapshot = withAccess(this.#snapshot, await this.#readAccess(this.#file))
      this.#swap(this.#snapshot, false)
    })
  }

  async #compile(file: Config): Promise<Snapshot> {
    const { store, keySecret, sealer, context, clock, compile } = this.#parts
    if (file !== this.#file || this.#snapshot === null)
      await followFileKeys(store, file, keySecret, clock.now())
    // The keys after the providers: what comes in between is seen as another change.
    const stored = await readProviders(store)
    const { config, standing } = withStored(file, stored, sealer, context)
    const snapshot = compile(config, await this.#readAccess(file))
    this.#tell(standing)
    this.#standing = standing
    this.#stamp = stored.stamp
    this.#snapshot = snapshot
    return snapshot
  }

  async #readAccess(file: Config): Promise<Access> {
    const { store, keySecret } = this.#parts
    const [keys, scopes] = [await readKeysInForce(store, file, keySecret), await readScopes(store)]
    return { keys, scopes, keySecret }
  }

  #tell({ problems }: ProviderStanding): void {
    for (const [id, problem] of problems)
      if (this.#standing.problems.get(id) !== problem) this.#parts.warn(id, problem)
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(change)
    this.#turn = done.catch(() => {})
    return done
  }
}

/** Limits and budgets of providers and models that were set by the API. */
async function readScopes(store: Store): Promise<readonly Scope[]> {
  const scopes = await store.listScopes()
  return scopes.map(({ kind, name, limits, budget }) => ({ kind, id: name, name, limits, budget }))
}
