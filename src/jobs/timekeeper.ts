import type { Clock } from '../core/runtime.ts'
import type { JobStore } from '../store/job-store.ts'

const farMs = 60_000

/**
 * The time jobs go by: the store's clock, carried on by a clock that nobody can set. It never runs backwards, so a wall
 * clock that is set back neither revives a result nor prolongs it.
 */
export class Timekeeper {
  readonly #clock: Clock
  readonly #store: Pick<JobStore, 'syncClock'>
  readonly #onJump: (byMs: number) => void
  #base = 0
  #since = 0
  /** How far the wall clock was ahead of this one when they were last compared; null before the first time. */
  #ahead: number | null = null

  constructor(
    clock: Clock,
    store: Pick<JobStore, 'syncClock'>,
    onJump: (byMs: number) => void = () => {},
  ) {
    this.#clock = clock
    this.#store = store
    this.#onJump = onJump
    this.#base = clock.now()
    this.#since = clock.monotonic()
  }

  /** Epoch milliseconds, whole. */
  now(): number {
    return Math.floor(this.#base + this.#clock.monotonic() - this.#since)
  }

  /** Compares with the store; to be done before the first use and from time to time. */
  async sync(): Promise<void> {
    const wall = this.#clock.now()
    this.#noteJump(wall)
    const told = await this.#store.syncClock(Math.max(wall, this.now()))
    // The first time the store's word holds even where it is behind: no job has gone by this machine's clock yet, and
    // ahead of the others it would take every lease of theirs for one that has run out.
    this.#base = this.#ahead === null ? told : Math.max(told, this.now())
    this.#since = this.#clock.monotonic()
    this.#ahead = this.#clock.now() - this.#base
  }

  #noteJump(wall: number): void {
    if (this.#ahead === null) return
    const moved = wall - this.now() - this.#ahead
    if (Math.abs(moved) > farMs) this.#onJump(moved)
  }
}
