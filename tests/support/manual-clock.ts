import type { Clock, Runtime, Timer } from '../../src/core/runtime.ts'

interface Alarm {
  at: number
  fire(): void
}

/** Time that moves only when a test says so. */
export class ManualClock implements Clock {
  #now: number
  /** How far the wall clock is off what has passed. */
  #shift = 0
  readonly #alarms = new Set<Alarm>()

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now
  }

  now(): number {
    return this.#now + this.#shift
  }

  /** Somebody sets the wall clock; what is measured goes on undisturbed. */
  jump(ms: number): void {
    this.#shift += ms
  }

  monotonic(): number {
    return this.#now
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const timer = this.timer(ms, resolve)
      signal?.addEventListener('abort', () => {
        timer.cancel()
        reject(signal.reason)
      })
    })
  }

  timer(ms: number, fire: () => void): Timer {
    const alarm: Alarm = { at: this.#now + ms, fire }
    this.#alarms.add(alarm)
    return {
      refresh: () => {
        alarm.at = this.#now + ms
        this.#alarms.add(alarm)
      },
      cancel: () => void this.#alarms.delete(alarm),
    }
  }

  soon(fire: () => void): void {
    queueMicrotask(fire)
  }

  /** How many timers are armed: a test can see that nothing was left behind. */
  get pending(): number {
    return this.#alarms.size
  }

  /** Moves time on and rings what is due, in order; what that sets off may set further alarms. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      let next: Alarm | undefined
      for (const alarm of this.#alarms)
        if (alarm.at <= end && (!next || alarm.at < next.at)) next = alarm
      if (!next) break
      this.#now = Math.max(this.#now, next.at)
      this.#alarms.delete(next)
      next.fire()
      await settled()
    }
    this.#now = end
    await settled()
  }
}

/** Lets everything that waits on promises alone go on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Deterministic chance and identities beside the manual clock. */
export function manualRuntime(clock = new ManualClock()): Runtime & { clock: ManualClock } {
  let made = 0
  return {
    clock,
    random: () => 0.5,
    newId: () => `00000000-0000-7000-8000-${String(++made).padStart(12, '0')}`,
    randomId: () => `00000000-0000-4000-8000-${String(++made).padStart(12, '0')}`,
  }
}
