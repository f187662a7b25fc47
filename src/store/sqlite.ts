import { GatewayError } from '../core/errors.ts'
import { CommandStore } from './command-store.ts'
import { openThread, type SqliteThread } from './sqlite-thread.ts'
import type { CommandName } from './store.ts'

export interface SqliteStoreOptions {
  /** Its folder must exist. */
  readonly file: string
  /** Held while the store is open; `<file>.lock` when absent. */
  readonly lockFile?: string
  /** How many commands may wait for an answer before new ones are refused. */
  readonly queueLimit?: number
  /** How long a command waits for another program to let go of the file; 5 s when absent. */
  readonly busyTimeoutMs?: number
}

/** Opens the embedded store. Rejects with a StoreOpenError, or a StoreLockedError when it is in use. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { file, lockFile = null, busyTimeoutMs = 5000 } = options
  const worker = { file, lockFile, busyTimeoutMs }
  const writer = await openThread({ ...worker, readOnly: false })
  const openReader = () => openThread({ ...worker, readOnly: true })
  return new SqliteStore(writer, openReader, options.queueLimit ?? 10_000)
}

/** Change nothing, and may read for long: whatever is settled meanwhile must not wait for them. */
const longReads: ReadonlySet<CommandName> = new Set([
  'sumUsage',
  'weighUsage',
  'listLedger',
  'findDrift',
  'listAudit',
  'listSealed',
])

/**
 * The embedded store: one connection that writes, in a worker thread, so no caller ever waits on a disk; and another
 * that only reads, in a thread that starts with the first long read.
 */
export class SqliteStore extends CommandStore {
  readonly shared = false
  readonly #writer: SqliteThread
  readonly #openReader: () => Promise<SqliteThread>
  readonly #queueLimit: number
  #reader: Promise<SqliteThread | null> = Promise.resolve(null)
  readonly #reads = new Set<Promise<unknown>>()
  #closed: Promise<void> | null = null

  constructor(writer: SqliteThread, openReader: () => Promise<SqliteThread>, queueLimit: number) {
    super()
    this.#writer = writer
    this.#openReader = openReader
    this.#queueLimit = queueLimit
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** What the writer answered, in how many transactions: one that wrote cost one fsync. */
  stats(): { readonly commands: number; readonly commits: number; readonly waiting: number } {
    return { ...this.#writer.done, waiting: this.#waiting }
  }

  get #waiting(): number {
    return this.#writer.waiting + this.#reads.size
  }

  protected override ask(name: CommandName, args: readonly unknown[]): Promise<unknown> {
    if (this.#closed) throw new GatewayError('storage_unavailable', 'The store is closed.')
    if (this.#waiting >= this.#queueLimit)
      throw new GatewayError(
        'overloaded',
        `The store has ${this.#waiting} commands waiting and takes no more. Try again shortly.`,
      )
    return longReads.has(name) ? this.#read(name, args) : this.#writer.ask(name, args)
  }

  async #read(name: CommandName, args: readonly unknown[]): Promise<unknown> {
    if (this.#writer.end) throw this.#writer.end
    const answer = this.#useReader().then((reader) => reader.ask(name, args))
    this.#reads.add(answer)
    try {
      return await answer
    } finally {
      this.#reads.delete(answer)
    }
  }

  /** One that died failed what it was asked; the next question is another one's. */
  async #useReader(): Promise<SqliteThread> {
    // Those who ask at the same time wait for the same one.
    const reader = this.#reader.then((known) => (known && !known.end ? known : this.#openReader()))
    this.#reader = reader.catch(() => null)
    try {
      return await reader
    } catch (cause) {
      throw new GatewayError('storage_unavailable', 'The store could not be opened for reading.', {
        cause,
      })
    }
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#reads)
    // The one that writes goes last: only it can put what is in the write-ahead log in its place.
    await (await this.#reader)?.close()
    await this.#writer.close()
  }
}
