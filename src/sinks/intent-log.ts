import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../core/errors.ts'
import type { Clock, Timer } from '../core/runtime.ts'

/** What is about to be done and must not be forgotten by a process that dies. */
export interface Intent {
  /** Another line about the same, which counts instead of those before. Nobody waits for it, and it may be lost. */
  amend(line: string): void
  /** The last line about it: what it announced is not done. It stands beside the first one, so that both go together. */
  takeBack(line: string): void
  /** Once what it announced is stored elsewhere. */
  close(): void
}

/** What a process left behind. */
export interface LeftIntents {
  readonly node: string
  /** In the order in which they were written. */
  lines(): readonly string[]
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
/** How long an amendment waits for company. */
const amendMs = 20

/**
 * Lines appended to a file before something is done. Each is handed to the system at once and nobody waits for the disk:
 * they outlive the process, and not a power failure. To gather them for one write costs more than it saves: whoever
 * waits for a turn of the loop is woken in a crowd.
 */
export class IntentLog {
  readonly #folder: string
  readonly #node: string
  readonly #clock: Clock
  #segment: Segment | null = null
  #count = 0
  /** Amendments that wait for company. */
  #amended: { readonly note: Note; readonly line: string }[] = []
  #timer: Timer | null = null
  /** Used again and again. */
  readonly #buffer = Buffer.allocUnsafeSlow(64 * 1024)

  /**
   * `node` names this process in the names of the files. The folder is made where it is missing; what earlier processes
   * left in it is `recover`'s.
   */
  constructor(folder: string, node: string, clock: Clock) {
    this.#folder = folder
    this.#node = node
    this.#clock = clock
  }

  /** Leaves its name in the folder before there is anything to note. Throws where that cannot be written. */
  begin(): void {
    this.#openSegment()
  }

  /** The line is with the system then. Throws `storage_unavailable` where it is not: then it must not be done. */
  open(line: string): Intent {
    const note = new Note(this)
    try {
      note.standsIn(this.#write(`${line}\n`))
      return note
    } catch (cause) {
      throw new GatewayError(
        'storage_unavailable',
        'The call could not be noted on disk before it was made, so it was not made.',
        { cause, dispatched: false },
      )
    }
  }

  /** Goes along with whatever is announced next: a write of its own would cost as much as all the rest. */
  amend(note: Note, line: string): void {
    this.#amended.push({ note, line })
    if (this.#amended.length > 1) return
    if (this.#timer) this.#timer.refresh()
    else this.#timer = this.#clock.timer(amendMs, () => this.#writeAmended())
  }

  /** What earlier processes announced and may not have finished, each by its name. */
  static recover(folder: string): readonly LeftIntents[] {
    if (!existsSync(folder)) return []
    const names = readdirSync(folder)
      .filter((name) => name.endsWith(ending))
      .toSorted((a, b) => countIn(a) - countIn(b))
    const byNode = Map.groupBy(names, (name) => name.slice(0, name.indexOf('.')))
    return [...byNode].map(([node, own]) => {
      const files = own.map((name) => join(folder, name))
      return {
        node,
        lines: () => files.flatMap(linesIn),
        forget() {
          // Several gateways may have found the same, and each of them settles it.
          for (const file of files) rmSync(file, { force: true })
        },
      }
    })
  }

  /** Hands a line to the system at once, into the file where the note began. */
  takeBack({ file }: Segment, line: string): void {
    try {
      // After a write that failed half a line may stand there.
      writeSync(file, `\n${line}\n`)
    } catch {
      // What was announced counts then.
    }
  }

  /** At the end, after everything is closed: what is closed is forgotten, what is not stays for the next start. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
    const segment = this.#segment
    this.#segment = null
    if (segment) this.#endIfDone(segment)
  }

  #writeAmended(): void {
    if (this.#amended.length === 0) return
    try {
      this.#write('')
    } catch {
      // What was announced counts, as it does where a process dies a moment earlier.
    }
  }

  /** With what waits before it. */
  #write(text: string): Segment {
    const amended = this.#amended
    this.#amended = []
    let whole = ''
    for (const { line } of amended) whole += `${line}\n`
    whole += text
    try {
      const segment = this.#openSegment()
      const bytes = this.#bytesOf(whole)
      for (let from = 0; from < bytes.length; )
        from += writeSync(segment.file, bytes, from, bytes.length - from)
      segment.bytes += bytes.length
      for (const { note } of amended) note.standsIn(segment)
      return segment
    } catch (thrown) {
      // A half line in a file that goes on would spoil the next one.
      this.#abandon()
      throw thrown
    }
  }

  #bytesOf(text: string): Uint8Array {
    if (text.length * 3 > this.#buffer.length) return Buffer.from(text)
    return this.#buffer.subarray(0, this.#buffer.write(text))
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

  #abandon(): void {
    const segment = this.#segment
    this.#segment = null
    if (segment) this.#endIfDone(segment)
  }

  letGo(segment: Segment): void {
    segment.open--
    this.#endIfDone(segment)
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

/** An intent, and the files that hold lines about it: as long as it is open none of them goes. */
class Note implements Intent {
  readonly #log: IntentLog
  #first: Segment | null = null
  #later: Segment | null = null
  #isOpen = true

  constructor(log: IntentLog) {
    this.#log = log
  }

  standsIn(segment: Segment): void {
    if (!this.#isOpen || segment === this.#first || segment === this.#later) return
    if (this.#first === null) this.#first = segment
    // Only the last line counts.
    else {
      if (this.#later) this.#log.letGo(this.#later)
      this.#later = segment
    }
    segment.open++
  }

  amend(line: string): void {
    if (this.#isOpen) this.#log.amend(this, line)
  }

  takeBack(line: string): void {
    if (this.#isOpen && this.#first) this.#log.takeBack(this.#first, line)
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    if (this.#first) this.#log.letGo(this.#first)
    if (this.#later) this.#log.letGo(this.#later)
  }
}

function linesIn(file: string): readonly string[] {
  try {
    // A process that died in the middle of a write leaves half a line, which announced nothing yet.
    return readFileSync(file, 'utf8').split('\n').slice(0, -1)
  } catch (thrown) {
    // Another gateway has settled it in the meantime.
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw thrown
  }
}

const countIn = (name: string): number => Number(name.split('.').at(-2))
