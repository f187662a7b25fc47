import { statSync } from 'node:fs'
import type { Group } from './sqlite-protocol.ts'

/** SQLite's primary codes for a file that is damaged, and for one that is no database at all. */
const broken = new Set([11, 26])

/** Says when the file of an open database is not to be written any more: what is answered must be found at the next start. */
export class FileGuard {
  readonly #file: string
  readonly #identity: string | null
  #broken: string | null = null

  constructor(file: string) {
    this.#file = file
    this.#identity = identityOf(file)
  }

  /** Null: it is the file that was opened, and whole as far as is known. Else why not. */
  trouble(): string | null {
    if (this.#broken !== null) return this.#broken
    if (identityOf(this.#file) === this.#identity) return null
    return `${this.#file} was removed or replaced while it was open. Put it back, or restart the gateway.`
  }

  /** A damaged page stays damaged: from the first one on nothing more is taken. */
  note({ replies }: Group): void {
    for (const reply of replies) {
      if (!('failure' in reply)) continue
      const { errcode, message } = reply.failure
      if (errcode !== null && broken.has(errcode & 0xff))
        this.#broken = `${this.#file} is damaged (${message}). Stop the gateway and restore it from a backup.`
    }
  }
}

/** Null where there is no such file. */
function identityOf(file: string): string | null {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat ? `${stat.dev}:${stat.ino}` : null
}

/** Answers a whole group without touching the database. */
export function refuseGroup(requests: readonly { readonly id: number }[], why: string): Group {
  const failure = { message: why, stack: null, errcode: null }
  return { replies: requests.map(({ id }) => ({ id, failure })), committed: false }
}
