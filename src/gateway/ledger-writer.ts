import { GatewayError } from '../core/errors.ts'
import type { Clock, Timer } from '../core/runtime.ts'
import type { LedgerLine, LedgerStore } from '../store/ledger-store.ts'

/** Told once its line is on disk. */
export interface LineOwner {
  close(): void
}

export interface LedgerWriterDeps {
  readonly store: Pick<LedgerStore, 'settleAttempts'>
  readonly clock: Clock
  /** This process's incarnation. */
  readonly node: string
  warn(error: GatewayError, what: string): void
}

const everyMs = 100
const batchAtMost = 500
const retryMs = { first: 250, most: 10_000 }
/** Some 100 MB of memory; beyond it no call is let in until the store takes them again. */
const waitingAtMost = 100_000

/** Writes lines of the ledger in batches, and tries as long as it takes: what was spent is never given up. */
export class LedgerWriter {
  readonly #deps: LedgerWriterDeps
  /** Apart: texts hold nothing that the garbage collector would have to follow while they wait. */
  #waiting: LedgerLine[] = []
  #owners: LineOwner[] = []
  #timer: Timer | null = null
  #armed = false
  #stopped = false
  #writing: Promise<void> | null = null
  #retryMs = 0

  constructor(deps: LedgerWriterDeps) {
    this.#deps = deps
  }

  /** Lines that are not on disk yet. */
  get waiting(): number {
    return this.#waiting.length
  }

  get isFull(): boolean {
    return this.#waiting.length >= waitingAtMost
  }

  add(line: LedgerLine, owner: LineOwner): void {
    this.#waiting.push(line)
    this.#owners.push(owner)
    if (!this.#armed && this.#writing === null) this.#arm(everyMs)
  }

  /** Resolves once everything that was added is on disk, or could not be written. */
  async flush(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = null
    this.#armed = false
    while (this.#waiting.length > 0) {
      const before = this.#waiting.length
      await (this.#writing ?? this.#write())
      if (this.#retryMs > 0 && this.#waiting.length >= before) return
    }
  }

  /** Nothing is written by itself any more, only by `flush`. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = null
  }

  #arm(ms: number): void {
    if (this.#stopped) return
    this.#armed = true
    const fire = (): void => {
      this.#armed = false
      void this.#write()
    }
    // The usual pause is the same timer again and again.
    if (ms === everyMs && this.#timer) this.#timer.refresh()
    else {
      this.#timer?.cancel()
      this.#timer = this.#deps.clock.timer(ms, fire)
      if (ms !== everyMs) this.#timer = null
    }
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeBatch().finally(() => {
      this.#writing = null
      // With a whole batch waiting a pause would only make the next one later: more may come than a pause lets go.
      const pauseMs = this.#waiting.length >= batchAtMost ? 0 : everyMs
      if (this.#waiting.length > 0 && !this.#armed) this.#arm(this.#retryMs || pauseMs)
    })
    return this.#writing
  }

  async #writeBatch(): Promise<void> {
    const { store, node, warn } = this.#deps
    const batch = this.#waiting.slice(0, batchAtMost)
    try {
      await store.settleAttempts(node, batch)
    } catch (thrown) {
      if (this.#retryMs === 0)
        warn(GatewayError.from(thrown), 'the ledger could not be written; it is tried again')
      this.#retryMs = Math.min(retryMs.most, (this.#retryMs || retryMs.first / 2) * 2)
      return
    }
    this.#retryMs = 0
    const owners = this.#owners.slice(0, batch.length)
    this.#waiting = this.#waiting.slice(batch.length)
    this.#owners = this.#owners.slice(batch.length)
    for (const owner of owners) owner.close()
  }
}
