import type { LoggedCall } from '../store/logged-call.ts'

export interface TailEvent {
  /** Counts up from 1 with each event of this process. */
  readonly number: number
  readonly calls: readonly LoggedCall[]
}

const callsAtMost = 1000

/** Calls as they are settled, for whoever watches, and the last of them for who comes back after a break. */
export class LogTail {
  readonly #watchers = new Set<(event: TailEvent) => void>()
  #recent: TailEvent[] = []
  #kept = 0
  #count = 0

  push(calls: readonly LoggedCall[]): void {
    const event = { number: ++this.#count, calls }
    this.#recent.push(event)
    this.#kept += calls.length
    while (this.#kept > callsAtMost && this.#recent.length > 1)
      this.#kept -= this.#recent.shift()?.calls.length ?? 0
    for (const watch of this.#watchers) watch(event)
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
    return () => void this.#watchers.delete(watcher)
  }
}
