import { connect, createServer, type Server, type Socket } from 'node:net'

/** How often each gateway is asked whether it is ready. */
const lookEveryMs = 50

/** A TCP balancer as there is one in front of any service: new connections go to those that say they are ready. */
export async function openBalancer(): Promise<Balancer> {
  const balancer = new Balancer()
  await balancer.listen()
  return balancer
}

interface Backend {
  readonly origin: string
  readonly port: number
  isReady: boolean
}

class Balancer implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #looking: NodeJS.Timeout
  readonly #watchers = new Set<() => void>()
  #backends: Backend[] = []
  #turn = 0
  #port = 0
  /** Connections nobody could take. */
  refused = 0

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket))
    this.#looking = setInterval(() => void this.#look(), lookEveryMs)
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', 1024, () => {
        const address = this.#server.address()
        if (typeof address === 'object' && address) this.#port = address.port
        resolve()
      })
    })
  }

  /** Resolves once it is seen to be ready. */
  async add(origin: string): Promise<void> {
    this.#backends.push({ origin, port: Number(new URL(origin).port), isReady: false })
    await this.#until(() => this.#isReady(origin))
  }

  /** Resolves once it is seen to be ready no more. */
  async leave(origin: string): Promise<void> {
    await this.#until(() => !this.#isReady(origin))
    this.#backends = this.#backends.filter((each) => each.origin !== origin)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#looking)
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #isReady(origin: string): boolean {
    return this.#backends.some((each) => each.origin === origin && each.isReady)
  }

  async #look(): Promise<void> {
    for (const backend of this.#backends) {
      const headers = { connection: 'close' }
      const answer = await fetch(`${backend.origin}/readyz`, { headers }).catch(() => null)
      await answer?.body?.cancel()
      backend.isReady = answer?.status === 200
    }
    for (const watcher of [...this.#watchers]) watcher()
  }

  #until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isSo()) return
        this.#watchers.delete(look)
        resolve()
      }
      this.#watchers.add(look)
      look()
    })
  }

  #accept(client: Socket): void {
    const ready = this.#backends.filter(({ isReady }) => isReady)
    const backend = ready[this.#turn++ % ready.length]
    if (!backend) {
      this.refused++
      client.resetAndDestroy()
      return
    }
    const upstream = connect({ port: backend.port, host: '127.0.0.1', allowHalfOpen: true })
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.once('close', () => this.#sockets.delete(socket))
    }
    client.pipe(upstream).pipe(client)
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.resetAndDestroy())
    upstream.once('close', () => client.destroySoon())
    client.once('close', () => upstream.destroySoon())
  }
}

export type { Balancer }
