import type { MessageHead, MessageReader } from './http-message.ts'

/** `fin` and `rst`: the gateway closed; `done`: the script ran to its end; `stopped`: by the test. */
export interface Closed {
  readonly how: 'fin' | 'rst' | 'done' | 'stopped'
  /** On the clock of `performance.now()`. */
  readonly at: number
}

/** One request as it arrived, and what became of its answer. */
export class SeenRequest {
  /** Counts requests of this upstream from 1. */
  readonly number: number
  /** Counts connections of this upstream from 1. */
  readonly connection: number
  readonly method: string
  /** Path and query as sent. */
  readonly path: string
  readonly rawHeaders: MessageHead['rawHeaders']
  readonly headers: MessageHead['headers']
  /** On the clock of `performance.now()`. */
  readonly receivedAt = performance.now()
  /** When this request's answer was over. */
  readonly closed: Promise<Closed>
  /** When the connection under it was over, which may be many requests later. */
  readonly connectionClosed: Promise<Closed>
  bytesSent = 0
  /** Content events written until the socket died: what a provider would bill. */
  tokensEmitted = 0
  readonly #reader: MessageReader
  #json: { value: unknown } | undefined
  #settle!: (closed: Closed) => void

  constructor(
    place: { number: number; connection: number; connectionClosed: Promise<Closed> },
    head: MessageHead,
    reader: MessageReader,
  ) {
    const [method = '', path = ''] = head.startLine.split(' ')
    this.number = place.number
    this.connection = place.connection
    this.connectionClosed = place.connectionClosed
    this.method = method
    this.path = path
    this.rawHeaders = head.rawHeaders
    this.headers = head.headers
    this.#reader = reader
    this.closed = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  /** All of the body; for a script that starts early, what has arrived by now. */
  get body(): Buffer {
    return this.#reader.body()
  }

  /** The body parsed, undefined when it is no JSON. */
  get json(): unknown {
    if (this.#json) return this.#json.value
    let value: unknown
    try {
      value = JSON.parse(this.body.toString())
    } catch {
      // Malformed bodies are what some tests send; they look at `body`.
    }
    if (this.#reader.complete) this.#json = { value }
    return value
  }

  /** The body's top-level field, undefined when there is none. */
  field(name: string): unknown {
    const { json } = this
    if (typeof json !== 'object' || json === null) return undefined
    return (json as Record<string, unknown>)[name]
  }

  get bodyBytes(): number {
    return this.#reader.bodyBytes
  }

  get pathname(): string {
    return this.path.split('?')[0] ?? ''
  }

  get query(): URLSearchParams {
    return new URLSearchParams(this.path.split('?').slice(1).join('?'))
  }

  /** The deployment of an Azure path, decoded. */
  get deployment(): string | undefined {
    const found = /\/openai\/deployments\/([^/]+)\/chat\/completions$/.exec(this.pathname)?.[1]
    return found === undefined ? undefined : decodeURIComponent(found)
  }

  /** What chooses the script: the deployment in the path, else the body's model as far as it is in. */
  get model(): string | undefined {
    if (this.deployment !== undefined) return this.deployment
    if (this.#reader.complete) {
      const model = this.field('model')
      return typeof model === 'string' ? model : undefined
    }
    const start = this.#reader.bodyStart(64 * 1024).toString('latin1')
    return /"model"\s*:\s*"([^"\\]*)"/.exec(start)?.[1]
  }

  /** The key it came with: `api-key`, or what follows `Bearer`. */
  get credential(): string | undefined {
    return this.headers['api-key'] ?? this.headers['authorization']?.replace(/^bearer\s+/i, '')
  }

  /** Only the first outcome counts. */
  settle(how: Closed['how']): void {
    this.#settle({ how, at: performance.now() })
  }
}
