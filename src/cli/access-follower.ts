import { GatewayError } from '../core/errors.ts'
import type { Clock, Timer } from '../core/runtime.ts'
import type { KeysKnown } from '../governance/authenticate.ts'
import type { Store } from '../store/store.ts'

export interface AccessFollowerDeps {
  readonly store: Pick<Store, 'accessVersion' | 'shared'>
  readonly clock: Clock
  /** Puts in force what the store has now. */
  readonly apply: () => Promise<void>
  readonly warn: (error: GatewayError, what: string) => void
}

const lookMs = 500
/** Since the store last said how things stand. What was revoked elsewhere opens no longer than this. */
const behindMs = 5000
const staleMs = 60_000

/** Keeps who may come in as the store has it: at once after a change made here, soon after one made elsewhere. */
export class AccessFollower {
  readonly #deps: AccessFollowerDeps
  #seen = -1
  #running: Promise<void> | null = null
  #next: Promise<void> | null = null
  #isBehind = false
  #looking: Timer | null = null
  /** When what is in force was last known to be what the store has; null: nothing is looked for. */
  #confirmedAt: number | null = null

  constructor(deps: AccessFollowerDeps) {
    this.#deps = deps
  }

  /** Begins to look for changes made elsewhere. What stands in the store now is taken to be in force. */
  async start(): Promise<void> {
    const { store, clock } = this.#deps
    const askedAt = clock.monotonic()
    this.#seen = await store.accessVersion()
    this.#confirmedAt = askedAt
    this.#looking = clock.timer(lookMs, () => {
      void this.#look().finally(() => this.#looking?.refresh())
    })
  }

  /** Alone on its store every change is made here, so that nothing can be missed. */
  known(): KeysKnown {
    const { store, clock } = this.#deps
    if (!store.shared || this.#confirmedAt === null) return 'known'
    const silentMs = clock.monotonic() - this.#confirmedAt
    return silentMs > staleMs ? 'stale' : silentMs > behindMs ? 'behind' : 'known'
  }

  stop(): void {
    this.#looking?.cancel()
    this.#looking = null
  }

  /** Resolves once everything that was written before the call is in force. */
  renew(): Promise<void> {
    if (this.#running === null) return this.#run()
    // The one under way may have read before the caller wrote; whoever waits for the next shares it.
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = null
        return this.#run()
      })
    return this.#next
  }

  #run(): Promise<void> {
    const run = this.#renew().finally(() => {
      this.#running = null
    })
    this.#running = run
    return run
  }

  async #renew(): Promise<void> {
    try {
      // Read before: a change in between is seen as another one, and costs a second look at most.
      const askedAt = this.#deps.clock.monotonic()
      const version = await this.#deps.store.accessVersion()
      await this.#deps.apply()
      this.#seen = version
      if (this.#confirmedAt !== null) this.#confirmedAt = askedAt
      this.#isBehind = false
    } catch (cause) {
      this.#isBehind = true
      throw new GatewayError(
        'storage_unavailable',
        'The change is stored, and will be in force here as soon as the store can be read again',
        { cause },
      )
    }
  }

  async #look(): Promise<void> {
    const { store, clock, warn } = this.#deps
    // Alone on its store it knows of every change; only one that could not be put in force is to be tried again.
    if (!store.shared && !this.#isBehind) return
    try {
      const askedAt = clock.monotonic()
      if (this.#isBehind || (await store.accessVersion()) !== this.#seen) await this.renew()
      else this.#confirmedAt = askedAt
    } catch (thrown) {
      if (!this.#isBehind)
        warn(GatewayError.from(thrown), 'changes of keys could not be looked for')
    }
  }
}
