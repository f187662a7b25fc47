import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { GatewayError } from '../core/errors.ts'
import { CommandStore } from './command-store.ts'
import { buffersIn, withOwnBytes } from './message-bytes.ts'
import {
  fromFailure,
  type Group,
  type Opening,
  type Reply,
  type ToWorker,
  type WorkerOptions,
} from './sqlite-protocol.ts'
import type { CommandName } from './store.ts'
import { StoreLockedError, StoreOpenError } from './store-open-error.ts'

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
export function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const workerData: WorkerOptions = {
    file: options.file,
    lockFile: options.lockFile ?? null,
    busyTimeoutMs: options.busyTimeoutMs ?? 5000,
  }
  // The worker is found by its name, which the compiler does not rewrite.
  const url = new URL(`./sqlite-worker${extname(import.meta.url)}`, import.meta.url)
  // The flags of the process are not for it: a preloaded module or an `--eval` would run there again.
  const worker = new Worker(url, { name: 'sluice-store', workerData, execArgv: [] })
  return new Promise((resolve, reject) => {
    const onError = (error: unknown): void => {
      reject(
        new StoreOpenError(`${options.file} could not be opened: the store's thread failed.`, {
          cause: error,
        }),
      )
    }
    worker.once('error', onError)
    worker.once('exit', (exitCode) => onError(new Error(`It ended with code ${exitCode}.`)))
    worker.once('message', (opening: Opening) => {
      worker.off('error', onError)
      if (opening.opened) return resolve(new SqliteStore(worker, options.queueLimit ?? 10_000))
      const { message } = opening.failure
      const cause = fromFailure(opening.failure)
      // What went wrong is told; how the thread ends changes nothing any more.
      worker.on('error', () => {})
      reject(
        opening.locked
          ? new StoreLockedError(message, { cause })
          : new StoreOpenError(message, { cause }),
      )
    })
  })
}

interface Waiter {
  resolve(value: unknown): void
  reject(error: GatewayError): void
}

/** The embedded store: one connection in a worker thread, so no caller ever waits on a disk. */
export class SqliteStore extends CommandStore {
  readonly shared = false
  readonly #worker: Worker
  readonly #queueLimit: number
  readonly #waiting = new Map<number, Waiter>()
  readonly #exited: Promise<void>
  #asked = 0
  #answered = 0
  #commits = 0
  #end: GatewayError | null = null

  /** Takes over a worker that has opened its database. */
  constructor(worker: Worker, queueLimit: number) {
    super()
    this.#worker = worker
    this.#queueLimit = queueLimit
    worker.on('message', (group: Group) => this.#settle(group))
    let crash: unknown
    worker.on('error', (error) => {
      crash = error
    })
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (exitCode) => {
        this.#fail(crash ?? new Error(`The store's thread ended with code ${exitCode}.`))
        resolve()
      })
    })
    worker.unref()
  }

  close(): Promise<void> {
    if (!this.#end) {
      this.#end = new GatewayError('storage_unavailable', 'The store is closed.')
      this.#worker.ref()
      this.#send('close')
    }
    return this.#exited
  }

  /** What was answered, in how many transactions: one that wrote cost one fsync. */
  stats(): { readonly commands: number; readonly commits: number; readonly waiting: number } {
    return { commands: this.#answered, commits: this.#commits, waiting: this.#waiting.size }
  }

  protected override async ask(name: CommandName, args: readonly unknown[]): Promise<unknown> {
    if (this.#end) throw this.#end
    if (this.#waiting.size >= this.#queueLimit)
      throw new GatewayError(
        'overloaded',
        `The store has ${this.#waiting.size} commands waiting and takes no more. Try again shortly.`,
      )
    const id = ++this.#asked
    const own = args.map(withOwnBytes)
    this.#send({ id, name, args: own }, buffersIn(own))
    // An idle store must not keep the process alive, one that owes an answer must.
    if (this.#waiting.size === 0) this.#worker.ref()
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  #send(message: ToWorker, handedOver: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, handedOver)
  }

  #settle({ replies, committed }: Group): void {
    if (committed) this.#commits++
    for (const reply of replies) this.#answer(reply)
    if (this.#waiting.size === 0 && !this.#end) this.#worker.unref()
  }

  #answer(reply: Reply): void {
    const waiter = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    this.#answered++
    if ('value' in reply) waiter?.resolve(reply.value)
    else
      waiter?.reject(
        new GatewayError('storage_unavailable', 'The store could not carry out a command.', {
          cause: fromFailure(reply.failure),
        }),
      )
  }

  #fail(cause: unknown): void {
    this.#end ??= new GatewayError(
      'storage_unavailable',
      'The store has stopped working; the log says why. Restart the gateway.',
      { cause },
    )
    for (const waiter of this.#waiting.values()) waiter.reject(this.#end)
    this.#waiting.clear()
  }
}
