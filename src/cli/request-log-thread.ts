import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { GatewayError } from '../core/errors.ts'
import type { LogRules, RequestLog } from '../store/request-log.ts'
import type { LogPlaceOptions, LogQuestion, LogReply } from './request-log-worker.ts'

interface Waiter {
  resolve(value: unknown): void
  reject(error: GatewayError): void
}

const waitingAtMost = 1000
type Method = Exclude<keyof RequestLog, 'close'>

/** The request log in a thread of its own, which begins with the first question, and again should it ever die. */
export class ThreadLog implements RequestLog {
  #options: LogPlaceOptions
  #worker: Worker | null = null
  #exited: Promise<unknown> = Promise.resolve()
  #closed = false
  #count = 0
  readonly #waiting = new Map<number, Waiter>()

  constructor(options: LogPlaceOptions) {
    this.#options = options
  }

  append: RequestLog['append'] = (...args) => this.#ask('append', args)
  find: RequestLog['find'] = (...args) => this.#ask('find', args)
  export: RequestLog['export'] = (...args) => this.#ask('export', args)
  get: RequestLog['get'] = (...args) => this.#ask('get', args)
  facets: RequestLog['facets'] = (...args) => this.#ask('facets', args)
  overview: RequestLog['overview'] = (...args) => this.#ask('overview', args)
  losses: RequestLog['losses'] = (...args) => this.#ask('losses', args)
  prune: RequestLog['prune'] = (...args) => this.#ask('prune', args)

  async follow(rules: LogRules): Promise<void> {
    this.#options = { ...this.#options, rules }
    if (this.#worker) await this.#ask('follow', [rules])
  }

  /** Resolves once what was asked is answered and everything is let go. */
  async close(): Promise<void> {
    this.#closed = true
    this.#worker?.ref()
    this.#worker?.postMessage({ id: 0, name: 'close', args: [] } satisfies LogQuestion)
    await this.#exited
  }

  /** At once, whatever it was asked. */
  async terminate(): Promise<void> {
    await this.#worker?.terminate()
  }

  #ask<Name extends Method>(
    name: Name,
    args: Parameters<RequestLog[Name]>,
  ): ReturnType<RequestLog[Name]> {
    return this.#send(name, args) as ReturnType<RequestLog[Name]>
  }

  #send(name: Method, args: readonly unknown[]): Promise<unknown> {
    if (this.#closed) return Promise.reject(unavailable('The request log is closed.'))
    if (this.#waiting.size >= waitingAtMost)
      return Promise.reject(
        new GatewayError(
          'overloaded',
          'The request log has too much to answer. Try again shortly.',
        ),
      )
    const id = ++this.#count
    const worker = this.#open()
    return new Promise((resolve, reject) => {
      // An idle log must not keep the process alive, one that owes an answer must.
      if (this.#waiting.size === 0) worker.ref()
      this.#waiting.set(id, { resolve, reject })
      worker.postMessage({ id, name, args } satisfies LogQuestion)
    })
  }

  #open(): Worker {
    if (this.#worker) return this.#worker
    // Found by its name, which the compiler does not rewrite.
    const url = new URL(`./request-log-worker${extname(import.meta.url)}`, import.meta.url)
    const worker = new Worker(url, {
      name: 'sluice-request-log',
      workerData: this.#options,
      execArgv: [],
    })
    worker.unref()
    worker.on('message', (reply: LogReply) => this.#settle(worker, reply))
    let crash: unknown
    worker.on('error', (error) => {
      crash = error
    })
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#fail(worker, crash ?? new Error(`It ended with code ${code}.`))
        resolve(code)
      })
    })
    this.#worker = worker
    return worker
  }

  #settle(worker: Worker, reply: LogReply): void {
    const waiter = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (this.#waiting.size === 0) worker.unref()
    if ('value' in reply) waiter?.resolve(reply.value)
    else
      waiter?.reject(
        unavailable('The request log could not be read or written.', new Error(reply.failure)),
      )
  }

  #fail(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = null
    const error = unavailable('The request log has stopped; it begins anew.', cause)
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

const unavailable = (message: string, cause?: unknown): GatewayError =>
  new GatewayError('storage_unavailable', message, { cause })
