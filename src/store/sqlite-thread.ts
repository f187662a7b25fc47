import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { GatewayError } from '../core/errors.ts'
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

/** Starts a thread with a connection of its own. Rejects with a StoreOpenError, or a StoreLockedError when it is in use. */
export function openThread(workerData: WorkerOptions): Promise<SqliteThread> {
  // The worker is found by its name, which the compiler does not rewrite.
  const url = new URL(`./sqlite-worker${extname(import.meta.url)}`, import.meta.url)
  // The flags of the process are not for it: a preloaded module or an `--eval` would run there again.
  const worker = new Worker(url, { name: 'sluice-store', workerData, execArgv: [] })
  return new Promise((resolve, reject) => {
    const onError = (error: unknown): void => {
      reject(
        new StoreOpenError(`${workerData.file} could not be opened: the store's thread failed.`, {
          cause: error,
        }),
      )
    }
    worker.once('error', onError)
    worker.once('exit', (exitCode) => onError(new Error(`It ended with code ${exitCode}.`)))
    worker.once('message', (opening: Opening) => {
      worker.off('error', onError)
      if (opening.opened) return resolve(new SqliteThread(worker))
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

/** A connection in a worker thread: what is asked, and who waits for the answer. */
export class SqliteThread {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiter>()
  readonly #exited: Promise<void>
  #asked = 0
  #answered = 0
  #commits = 0
  #end: GatewayError | null = null

  /** Takes over a worker that has opened its database. */
  constructor(worker: Worker) {
    this.#worker = worker
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

  get waiting(): number {
    return this.#waiting.size
  }

  /** Null while it answers. */
  get end(): GatewayError | null {
    return this.#end
  }

  /** What was answered, in how many transactions that wrote: each of them cost one fsync. */
  get done(): { readonly commands: number; readonly commits: number } {
    return { commands: this.#answered, commits: this.#commits }
  }

  /** Resolves when all that was asked is answered and the file is let go. */
  close(): Promise<void> {
    if (!this.#end) {
      this.#end = new GatewayError('storage_unavailable', 'The store is closed.')
      this.#worker.ref()
      this.#send('close')
    }
    return this.#exited
  }

  async ask(name: CommandName, args: readonly unknown[]): Promise<unknown> {
    if (this.#end) throw this.#end
    const id = ++this.#asked
    // Most commands have no bytes, and of the busiest it is known: copying rows to find that out would hold up everybody.
    const own =
      name !== 'settleAttempts' && buffersIn(args).length > 0 ? args.map(withOwnBytes) : args
    this.#send({ id, name, args: own }, own === args ? [] : buffersIn(own))
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
