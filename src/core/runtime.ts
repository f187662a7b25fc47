/** The impurities a module may need, made in `system.ts` and passed by hand; tests pass a manual clock. */
export interface Runtime {
  readonly clock: Clock
  /** From 0 up to, not including, 1. */
  readonly random: () => number
  /** A UUIDv7: sorts by the time it was made. */
  readonly newId: () => string
  /** A UUIDv4: tells nothing, not even when it was made. */
  readonly randomId: () => string
}

export interface Clock {
  /** Epoch milliseconds: for what is stored and shown. It may jump. */
  now(): number
  /** Milliseconds with a fraction since some start: for what is measured. It never jumps. */
  monotonic(): number
  /** Rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `fire` once after `ms`. Whoever armed it cancels it: it keeps the process alive. */
  timer(ms: number, fire: () => void): Timer
  /** Calls `fire` when what is ready now has been dealt with: soon, and once for many. */
  soon(fire: () => void): void
}

export interface Timer {
  /** Starts the full time anew, also after it fired; not after `cancel`. */
  refresh(): void
  cancel(): void
}
