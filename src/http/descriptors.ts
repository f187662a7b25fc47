import { readFileSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'

/** Where the numbers come from. */
export interface DescriptorSource {
  /** Null where it cannot be told. */
  readonly limit: number | null
  /** How many are open now. */
  count(): Promise<number>
}

interface Count {
  readonly open: number
  /** How many connections and calls there were. */
  readonly taken: number
}

const folder = '/proc/self/fd'
/** Below this part of the limit it is looked at every fourth time only. */
const calm = 0.5

/**
 * How many files and sockets are open against how many may be. Counted now and then; in between each connection and each
 * call that came since counts as one more, so that a burst is not let in on an old number.
 */
export class Descriptors {
  readonly #source: DescriptorSource
  readonly #taken: () => number
  #last: Count = { open: 0, taken: 0 }
  #before: Count = { open: 0, taken: 0 }
  #looks = 0
  #counting = false

  /** `taken` tells how many connections and calls there are. */
  constructor(taken: () => number, source = openSource()) {
    this.#taken = taken
    this.#source = source
  }

  get limit(): number | null {
    return this.#source.limit
  }

  /** 0 where there is no number. */
  get part(): number {
    const { limit } = this.#source
    if (limit === null || this.#last.open === 0) return 0
    const taken = this.#taken()
    const grown = ({ open, taken: then }: Count): number => open + Math.max(0, taken - then)
    // A call that had come when they were counted last may have had no socket yet: the count before knows nothing of it.
    return Math.max(grown(this.#last), grown(this.#before)) / limit
  }

  /** To be told every 250 ms. */
  async look(): Promise<void> {
    const { limit } = this.#source
    if (limit === null || this.#counting) return
    if (this.part < calm && this.#looks++ % 4 !== 0) return
    this.#counting = true
    const taken = this.#taken()
    const open = await this.#source.count().catch((thrown: unknown) => {
      // Counting may need one itself: that none is left says enough.
      return isExhausted(thrown) ? limit : this.#last.open
    })
    this.#before = this.#last
    // What came or went meanwhile may be in the number or not: the smaller guess lets fewer in.
    this.#last = { open, taken: Math.min(taken, this.#taken()) }
    this.#counting = false
  }
}

/** Whether the process, or the machine, has as many files and sockets open as it may. */
const isExhausted = (thrown: unknown): boolean =>
  ['EMFILE', 'ENFILE'].includes(String((thrown as NodeJS.ErrnoException).code))

function openSource(): DescriptorSource {
  return {
    limit: readLimit(),
    async count() {
      // Linux tells the number as the folder's size since 6.2, which costs no list of names.
      const { size } = await stat(folder)
      return size > 0 ? size : (await readdir(folder)).length
    },
  }
}

function readLimit(): number | null {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
    return line ? Number(line[1]) : null
  } catch {
    return null // Another system.
  }
}
