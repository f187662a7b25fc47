import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** What a process holds before its first client: its files, its pipes, its threads. */
const ownDescriptors = 40
/** The part of what is left that clients may take; the rest is for the calls they make. */
const clientsPart = 0.6

/**
 * How many connections of clients there may be: some for every call, and no more than leave descriptors for the
 * providers. `limit` is the process's limit of descriptors; null where it cannot be told.
 */
export function connectionsAtMost(
  { plain, streams }: { readonly plain: number; readonly streams: number },
  limit: number | null,
): number {
  const wanted = Math.max(1000, 2 * (plain + streams))
  if (limit === null) return wanted
  return Math.min(wanted, Math.max(8, Math.floor(clientsPart * (limit - ownDescriptors))))
}

/** What is accepted beyond that, to be told so, and for those who ask how the gateway is. */
const reserveOf = (most: number): number => Math.max(8, Math.floor(most / 20))

/** How many looks a connection may last without a word before it gives way. */
const silentLooks = 2

/** The connections of clients. Those beyond `most` are served what is no call; beyond a reserve none is accepted. */
export class OpenConnections {
  #server: Server | null = null
  #most: () => number = () => Number.POSITIVE_INFINITY
  /** With the how manieth look each came before. */
  readonly #open = new Map<Socket, number>()
  #looks = 0
  #refused = 0

  watch(server: Server, most: () => number): void {
    this.#server = server
    this.#most = most
    server.on('connection', (socket: Socket) => {
      this.#open.set(socket, this.#looks)
      socket.once('close', () => this.#open.delete(socket))
    })
    server.on('drop', () => this.#refused++)
    this.look()
  }

  get open(): number {
    return this.#open.size
  }

  /** How many were closed as soon as they came. */
  get refused(): number {
    return this.#refused
  }

  /** Above 1: there are more than there may be. */
  get part(): number {
    return this.#open.size / this.#most()
  }

  /** To be told every 250 ms: the most may have been changed. */
  look(): void {
    if (!this.#server) return
    this.#looks++
    const most = this.#most()
    this.#server.maxConnections = most + reserveOf(most)
    if (this.#open.size < most) return
    // Who is kept, or has come, but does not ask would else keep out who does.
    this.#server.closeIdleConnections()
    for (const [socket, came] of this.#open)
      if (this.#looks - came > silentLooks && socket.bytesRead === 0) socket.destroy()
  }
}
