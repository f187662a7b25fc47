import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../core/runtime.ts'

/** What is about to be done and must not be forgotten by a process that dies. */
export interface Intent {
  /** Once what it announced is stored elsewhere. */
  close(): void
}

/** What a process left behind. */
export interface LeftIntents {
  readonly node: string
  readonly lines: readonly string[]
  /** Once they are settled. */
  forget(): void
}

/** A file of intents that may hold many; it is removed when all of them are closed and another one is written. */
interface Segment {
  readonly path: string
  readonly file: number
  bytes: number
  open: number
}

const segmentBytes = 4 * 1024 * 1024
const ending = '.intents'

/**
 * Lines appended to a file before something is done. They are handed to the system in one write for all that came in
 * the same turn of the loop, and nobody waits for the disk: they outlive the process, and not a power failure.
 */
export class IntentLog {
  readonly #folder: string
  readonly #node: string
  readonly #clock: Clock
  #segment: Segment | null = null
  #count = 0
  #lines: string[] = []
  #waiters: { resolve(): void; reject(error: unknown): void }[] = []

  /**
   * `node` names this process in the names of the files. The folder is made where it is missing; what earlier processes
   * left in it is `recover`'s.
   */
  constructor(folder: string, node: string, clock: Clock) {
    this.#folder = folder
    this.#node = node
    this.#clock = clock
  }

  /** Resolves once the line is with the system. Rejects where it could not be written: then it must not be done. */
  append(line: string): Promise<Intent> {
    this.#lines.push(line)
    if (this.#lines.length === 1) this.#clock.soon(() => this.#write())
    return new Promise((resolve, reject) => {
      this.#waiters.push({
        resolve: () => resolve(this.#intentIn(this.#segment as Segment)),
        reject,
      })
    })
  }

  /** What earlier processes announced and may not have finished, each by its name. */
  static recover(folder: string): readonly LeftIntents[] {
    if (!existsSync(folder)) return []
    const names = readdirSync(folder).filter((name) => name.endsWith(ending))
    const byNode = Map.groupBy(names, (name) => name.slice(0, name.indexOf('.')))
    return [...byNode].map(([node, own]) => {
      const files = own.map((name) => join(folder, name))
      return {
        node,
        // A process that died in the middle of a write leaves half a line, which announced nothing yet.
        lines: files.flatMap((file) => readFileSync(file, 'utf8').split('\n').slice(0, -1)),
        forget() {
          for (const file of files) unlinkSync(file)
        },
      }
    })
  }

  /** At the end, after everything is closed: what is closed is forgotten, what is not stays for the next start. */
  stop(): void {
    const segment = this.#segment
    this.#segment = null
    if (segment) this.#endIfDone(segment)
  }

  #write(): void {
    const lines = this.#lines
    const waiters = this.#waiters
    this.#lines = []
    this.#waiters = []
    try {
      const segment = this.#openSegment()
      const bytes = Buffer.from(`${lines.join('\n')}\n`)
      for (let from = 0; from < bytes.length; ) from += writeSync(segment.file, bytes, from)
      segment.bytes += bytes.length
      segment.open += lines.length
      for (const { resolve } of waiters) resolve()
    } catch (thrown) {
      // A half line in a file that goes on would spoil the next one.
      this.#abandon()
      for (const { reject } of waiters) reject(thrown)
    }
  }

  #openSegment(): Segment {
    const current = this.#segment
    if (current && current.bytes < segmentBytes) return current
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const path = join(this.#folder, `${this.#node}.${this.#count++}${ending}`)
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_APPEND
    this.#segment = { path, file: openSync(path, flags, 0o600), bytes: 0, open: 0 }
    if (current) this.#endIfDone(current)
    return this.#segment
  }

  #intentIn(segment: Segment): Intent {
    let isOpen = true
    return {
      close: () => {
        if (!isOpen) return
        isOpen = false
        segment.open--
        this.#endIfDone(segment)
      },
    }
  }

  #abandon(): void {
    const segment = this.#segment
    this.#segment = null
    if (segment) this.#endIfDone(segment)
  }

  #endIfDone(segment: Segment): void {
    if (segment === this.#segment || segment.open > 0) return
    closeSync(segment.file)
    try {
      unlinkSync(segment.path)
    } catch {
      // Gone already, or not ours to remove any more: what it says is settled, and is settled once however often it is read.
    }
  }
}
