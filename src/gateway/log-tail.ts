import type { Clock } from '../core/runtime.ts'
import type { LoggedCall } from '../store/logged-call.ts'

export interface TailEvent {
  /** Counts up from 1 with each event of this process. */
  readonly number: number
  readonly calls: readonly LoggedCall[]
}

const callsAtMost = 1000
/** How long after the last watcher has left calls are kept for one who comes back. */
const lingerMs = 60_000

/** Calls as they are settled, for whoever watches, and the last of them for who comes back after a break. */
export class LogTail {
  readonly #clock: Clock
  readonly #watchers = new Set<(event: TailEvent) => void>()
  #wantedUntilMs = 0
  #calls: LoggedCall[] = []
  #recent: TailEvent[] = []
  #kept = 0
  #count = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(call: LoggedCall): void {
    // Keeping every call for a while, in case somebody looks, is more than looking at it costs.
    if (this.#watchers.size > 0 || this.#wantedUntilMs > 0) this.#calls.push(call)
  }

  /** Tells what was added since the last time. */
  send(): void {
    if (this.#calls.length === 0) return
    const event = { number: ++this.#count, calls: this.#calls }
    this.#calls = []
    this.#recent.push(event)
    this.#kept += event.calls.length
    while (this.#kept > callsAtMost && this.#recent.length > 1)
      this.#kept -= this.#recent.shift()?.calls.length ?? 0
    for (const watch of this.#watchers) watch(event)
    if (this.#watchers.size === 0 && this.#clock.monotonic() > this.#wantedUntilMs) this.#forget()
  }

  /** What came after an event; null: some of it is gone. */
  since(number: number): readonly TailEvent[] | null {
    if (number > this.#count) return null
    const first = this.#recent[0]?.number ?? this.#count + 1
    return number < first - 1 ? null : this.#recent.filter((event) => event.number > number)
  }

  /** Answers how to stop. */
  watch(watcher: (event: TailEvent) => void): () => void {
    this.#watchers.add(watcher)
    return () => {
      if (this.#watchers.delete(watcher)) this.#wantedUntilMs = this.#clock.monotonic() + lingerMs
    }
  }

  /** From here on nobody misses anything: who comes back is told that there is a gap. */
  #forget(): void {
    this.#wantedUntilMs = 0
    this.#recent = []
    this.#kept = 0
    this.#count++
  }
}
