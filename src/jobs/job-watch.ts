import type { Clock } from '../core/runtime.ts'

export interface Watched {
  /** Resolves when the job ends on this node, the time is over or the signal is aborted. */
  within(ms: number, signal: AbortSignal): Promise<void>
  stop(): void
}

/** Callers that wait for jobs of this process to end. Bounded by the calls in flight, each of which waits for one. */
export class JobWatch {
  readonly #clock: Clock
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  expect(id: string): Watched {
    const { promise, resolve } = Promise.withResolvers<void>()
    const set = this.#waiting.get(id) ?? new Set()
    this.#waiting.set(id, set.add(resolve))
    return {
      within: async (ms, signal) => {
        const timer = this.#clock.timer(ms, resolve)
        const stop = (): void => resolve()
        signal.addEventListener('abort', stop, { once: true })
        await promise
        timer.cancel()
        signal.removeEventListener('abort', stop)
      },
      stop: () => {
        set.delete(resolve)
        if (set.size === 0) this.#waiting.delete(id)
      },
    }
  }

  ended(id: string): void {
    for (const wake of this.#waiting.get(id) ?? []) wake()
  }
}
