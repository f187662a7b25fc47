import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { EncodedRequest } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import type { Translation, Translator } from '../gateway/translator.ts'
import type { Reply } from './translator-worker.ts'

const waitingAtMost = 64

interface Waiter {
  resolve(encoded: EncodedRequest): void
  reject(error: GatewayError): void
}

/** Large requests are translated in a thread of their own, which starts with the first of them. */
export class ThreadTranslator implements Translator {
  #worker: Worker | null = null
  readonly #waiting = new Map<number, Waiter>()
  #count = 0

  encode(translation: Translation, signal?: AbortSignal): Promise<EncodedRequest> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#waiting.size >= waitingAtMost)
      return Promise.reject(
        new GatewayError(
          'overloaded',
          'Too many large requests wait to be translated. Try again in a moment.',
          { dispatched: false },
        ),
      )
    const id = this.#count++
    const leaving = new AbortController()
    return new Promise<EncodedRequest>((resolve, reject) => {
      // Who leaves keeps its place: what it handed in is still on its way.
      const leave = (): void => reject(signal?.reason)
      signal?.addEventListener('abort', leave, { once: true, signal: leaving.signal })
      this.#waiting.set(id, { resolve, reject })
      this.#open().postMessage({ ...translation, id })
    }).finally(() => leaving.abort())
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #open(): Worker {
    if (this.#worker) return this.#worker
    // Found by its name, which the compiler does not rewrite.
    const url = new URL(`./translator-worker${extname(import.meta.url)}`, import.meta.url)
    const worker = new Worker(url, { name: 'sluice-translator', execArgv: [] })
    worker.unref()
    worker.on('message', (reply: Reply) => this.#settle(reply))
    worker.on('error', (error) => this.#fail(worker, error))
    worker.on('exit', (code) => this.#fail(worker, new Error(`It ended with code ${code}`)))
    this.#worker = worker
    return worker
  }

  #settle(reply: Reply): void {
    const waiter = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if ('encoded' in reply) waiter?.resolve(reply.encoded)
    else {
      const { code, message, facts } = reply.failure
      waiter?.reject(new GatewayError(code, message, facts))
    }
  }

  /** The next one starts another thread. */
  #fail(worker: Worker, cause: Error): void {
    if (this.#worker !== worker) return
    this.#worker = null
    const error = new GatewayError('internal_error', 'A large request could not be translated.', {
      cause,
      dispatched: false,
    })
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
