import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { UpstreamConnection } from './upstream-connection.ts'
import { openaiReply } from './upstream-openai.ts'
import type { SeenRequest } from './upstream-request.ts'
import { reply, type Steps } from './upstream-script.ts'
import { readCertificate, type TlsVariant } from './upstream-tls.ts'

export type Script = Steps | ((request: SeenRequest) => Steps | Promise<Steps>)

interface ScriptOptions {
  /** Starts once the head and this many bytes of the body are in; without it the whole body is. */
  readonly afterBodyBytes?: number
}

interface Rule extends ScriptOptions {
  readonly script: Script
}

interface UpstreamOptions {
  readonly tls?: TlsVariant
  /** Played on every new connection before a request is read. */
  readonly greeting?: Steps
}

/** A scripted provider on raw sockets; it listens on a free loopback port until `stop`. */
export async function startUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const upstream = new Upstream(options)
  await upstream.listen()
  return upstream
}

class Upstream implements AsyncDisposable {
  /** Every request whose script was chosen, in order. */
  readonly requests: SeenRequest[] = []
  /** What the gateway did that no client may do, one line each. */
  readonly malformed: string[] = []
  readonly pipelined: string[] = []
  /** Requests met by `dropNextRequest`. */
  readonly dropped: string[] = []
  readonly #options: UpstreamOptions
  readonly #server: Server
  readonly #rules = new Map<string, Rule>()
  #otherwise: Rule = { script: openaiReply }
  readonly #open = new Set<UpstreamConnection>()
  readonly #sockets = new Set<Socket>()
  #opened = 0
  #peak = 0
  #numbered = 0
  #port = 0
  readonly #unseen: SeenRequest[] = []
  readonly #waiters = new Set<() => void>()
  readonly #failures: unknown[] = []

  constructor(options: UpstreamOptions) {
    this.#options = options
    this.#server = this.#createServer()
  }

  get port(): number {
    return this.#port
  }

  /** Without a trailing slash or path. */
  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://127.0.0.1:${this.#port}`
  }

  /** `open` now, most at once (`peak`), `total` ever accepted. */
  get connections(): { open: number; peak: number; total: number } {
    return { open: this.#sockets.size, peak: this.#peak, total: this.#opened }
  }

  /** Every key a request came with, in order; undefined where it had none. */
  get credentials(): (string | undefined)[] {
    return this.requests.map((request) => request.credential)
  }

  /** The script for a model or, on Azure paths, a deployment; a later one replaces it. */
  on(model: string, script: Script, options: ScriptOptions = {}): this {
    this.#rules.set(model, { script, ...options })
    return this
  }

  /** The script for all other requests; by default a well-behaved OpenAI. */
  otherwise(script: Script, options: ScriptOptions = {}): this {
    this.#otherwise = { script, ...options }
    return this
  }

  /** The oldest request not handed out yet, waiting for one if need be; rejects after `timeoutMs`. */
  next(
    matches: (request: SeenRequest) => boolean = () => true,
    timeoutMs = 10_000,
  ): Promise<SeenRequest> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const index = this.#unseen.findIndex(matches)
        const [found] = index < 0 ? [] : this.#unseen.splice(index, 1)
        if (!found) return
        clearTimeout(timer)
        this.#waiters.delete(look)
        resolve(found)
      }
      const timer = setTimeout(() => {
        this.#waiters.delete(look)
        reject(new Error(`no such request reached the upstream within ${timeoutMs} ms`))
      }, timeoutMs)
      this.#waiters.add(look)
      look()
    })
  }

  /** Closes the connections that wait for a next request. */
  closeIdle(how: 'fin' | 'rst'): void {
    for (const connection of this.#open) if (connection.idle) connection.close(how)
  }

  /** Writes bytes nobody asked for to the connections that wait for a next request. */
  pushIdle(bytes: Buffer): void {
    for (const connection of this.#open) if (connection.idle) connection.push(bytes)
  }

  /** A crash: every connection is reset and the port refuses until `listen`. */
  async crash(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const connection of this.#open) connection.close('rst')
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await closed
  }

  /** Listens, after a crash on the same port as before. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#port, '127.0.0.1', 4096, () => {
        this.#server.off('error', reject)
        const address = this.#server.address()
        if (typeof address === 'object' && address) this.#port = address.port
        resolve()
      })
    })
  }

  /** Cuts everything and ends; rejects with what scripts threw, so that no test hides it. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const connection of this.#open) connection.destroy()
    for (const socket of this.#sockets) socket.destroy()
    await closed
    const failures = this.#failures.splice(0)
    if (failures.length > 0) throw new AggregateError(failures, 'scripts of the upstream failed')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #createServer(): Server {
    const { tls } = this.#options
    if (tls === undefined || tls === 'stall' || tls === 'plaintext') {
      const server = createServer({ allowHalfOpen: true })
      return server.on('connection', (socket) => {
        this.#count(socket)
        if (tls === 'stall') socket.resume()
        else if (tls === 'plaintext') socket.once('data', () => answerPlainly(socket))
        else this.#accept(socket, socket)
      })
    }
    const raws = new Map<number | undefined, Socket>()
    const server = createTlsServer({ allowHalfOpen: true, ...readCertificate(tls) })
    server.on('connection', (raw: Socket) => {
      this.#count(raw)
      const port = raw.remotePort
      raws.set(port, raw)
      raw.once('close', () => raws.delete(port))
    })
    server.on('secureConnection', (socket) => {
      this.#accept(socket, raws.get(socket.remotePort) ?? socket)
    })
    return server
  }

  #count(socket: Socket): void {
    this.#opened++
    this.#sockets.add(socket)
    this.#peak = Math.max(this.#peak, this.#sockets.size)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {
      // Resets are what the tests provoke; the connection records them.
    })
  }

  #accept(socket: Socket, raw: Socket): void {
    const host = {
      begin: (request: SeenRequest, complete: boolean) => this.#begin(request, complete),
      nextRequestNumber: () => ++this.#numbered,
      note: (what: 'dropped' | 'pipelined' | 'malformed', detail: string) =>
        void this[what].push(detail),
      failed: (error: unknown) => void this.#failures.push(error),
    }
    const connection = new UpstreamConnection(host, this.#opened, socket, raw)
    this.#open.add(connection)
    void connection.closed.then(() => this.#open.delete(connection))
    if (this.#options.greeting) connection.greet(this.#options.greeting)
  }

  #begin(request: SeenRequest, complete: boolean): Steps | Promise<Steps> | undefined {
    const { model } = request
    const rule = (model === undefined ? undefined : this.#rules.get(model)) ?? this.#otherwise
    if (!complete && !(request.bodyBytes >= (rule.afterBodyBytes ?? Number.POSITIVE_INFINITY)))
      return undefined
    this.requests.push(request)
    this.#unseen.push(request)
    for (const look of [...this.#waiters]) look()
    return runScript(rule.script, request)
  }
}

export type { Upstream }

/** A script that throws rejects, so that the connection can report it. */
async function runScript(script: Script, request: SeenRequest): Promise<Steps> {
  return typeof script === 'function' ? await script(request) : script
}

function answerPlainly(socket: Socket): void {
  const answer = reply(400, 'plain HTTP, where TLS was expected')
  if (answer.kind === 'write') socket.end(answer.bytes)
}

/** A loopback port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const upstream = await startUpstream()
  await upstream.stop()
  return upstream.port
}
