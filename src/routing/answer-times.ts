const slices = 5
const sliceMs = 60_000
/** How many answers must be known to tell what is late. */
export const answersToTell = 50
/** Neighbouring bounds differ by a twentieth: from a millisecond to over an hour. */
const step = 1.05
const buckets = Math.ceil(Math.log(4 * 3_600_000) / Math.log(step))

/**
 * How long answers took in the last five minutes, as counts by length: of fixed size, however many there are. Times are
 * monotonic milliseconds.
 */
export class AnswerTimes {
  readonly #slices = Array.from({ length: slices }, () => new Uint32Array(buckets))
  /** The sum of the slices. */
  readonly #all = new Uint32Array(buckets)
  #count = 0
  #slice = 0

  note(tookMs: number, nowMs: number): void {
    this.#turn(nowMs)
    const at = bucketOf(tookMs)
    const slice = this.#slices[this.#slice % slices] as Uint32Array
    slice[at] = (slice[at] ?? 0) + 1
    this.#all[at] = (this.#all[at] ?? 0) + 1
    this.#count++
  }

  /** Of how many answers is known how long they took. */
  count(nowMs: number): number {
    this.#turn(nowMs)
    return this.#count
  }

  /** What nineteen of twenty answers were given within; null while too few are known to tell. */
  p95(nowMs: number): number | null {
    this.#turn(nowMs)
    if (this.#count < answersToTell) return null
    let over = Math.floor(this.#count * 0.05)
    let at = buckets - 1
    for (; at > 0; at--) {
      over -= this.#all[at] ?? 0
      if (over < 0) break
    }
    return step ** at
  }

  /** Lets go of what is older than the window. */
  #turn(nowMs: number): void {
    const now = Math.floor(nowMs / sliceMs)
    const from = Math.max(this.#slice + 1, now - slices + 1)
    for (let each = from; each <= now; each++) {
      const slice = this.#slices[each % slices] as Uint32Array
      for (let at = 0; at < buckets; at++) {
        const gone = slice[at] ?? 0
        this.#all[at] = (this.#all[at] ?? 0) - gone
        this.#count -= gone
      }
      slice.fill(0)
    }
    this.#slice = Math.max(this.#slice, now)
  }
}

const bucketOf = (ms: number): number =>
  Math.min(buckets - 1, Math.max(0, Math.ceil(Math.log(ms) / Math.log(step) - 1e-9)))
