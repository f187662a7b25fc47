import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from './chance.ts'

export type DispatchEvent = 'received' | 'half' | 'answered'

/** One request of the gateway for a job, which is known by its model. */
export interface Dispatch {
  readonly model: string
  /** Which gateway sent it, by the header it was given for that; empty where there is only one. */
  readonly node: string
  /** The whole body it is answered with, unlike every other. */
  readonly body: string
  readonly receivedAt: number
  state: DispatchEvent
}

/** A provider in this process, which outlives the gateway and remembers what it was asked. */
export async function startJobUpstream(chance: Chance): Promise<JobUpstream> {
  const upstream = new JobUpstream(chance)
  await upstream.listen()
  return upstream
}

class JobUpstream implements AsyncDisposable {
  readonly dispatches = new Map<string, Dispatch[]>()
  /** Told of every step of an answer; one listener at a time. */
  onEvent: (event: DispatchEvent, dispatch: Dispatch) => void = () => {}
  /** How long an answer takes; by default up to 80 ms, a few four times as long. */
  delayMs: (dispatch: Dispatch) => number
  readonly #chance: Chance
  readonly #server: Server
  #count = 0

  constructor(chance: Chance) {
    this.#chance = chance
    this.delayMs = () => chance.below(80) * (chance.happens(0.1) ? 4 : 1)
    this.#server = createServer((request, response) => {
      // The gateway dies in the middle of things; that is what this is for.
      this.#answer(request, response).catch(() => {})
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`
  }

  of(model: string): readonly Dispatch[] {
    return this.dispatches.get(model) ?? []
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', 4096, resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const { model } = JSON.parse(Buffer.concat(parts).toString()) as { model: string }
    const dispatch: Dispatch = {
      model,
      node: String(request.headers['x-node'] ?? ''),
      body: completion(model, ++this.#count),
      receivedAt: performance.now(),
      state: 'received',
    }
    const known = this.dispatches.get(model)
    if (known) known.push(dispatch)
    else this.dispatches.set(model, [dispatch])
    this.#tell('received', dispatch)
    // The server keeps the process; an answer that nobody waits for any more must not.
    await sleep(this.delayMs(dispatch), undefined, { ref: false })
    if (!response.writable) return
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(dispatch.body),
    })
    if (this.#chance.happens(0.6)) await this.#sendInPieces(response, dispatch)
    else response.end(dispatch.body)
    this.#tell('answered', dispatch)
  }

  async #sendInPieces(response: ServerResponse, dispatch: Dispatch): Promise<void> {
    const bytes = Buffer.from(dispatch.body)
    const pieces = 2 + this.#chance.below(4)
    const size = Math.ceil(bytes.length / pieces)
    for (let piece = 0; piece < pieces; piece++) {
      response.write(bytes.subarray(piece * size, (piece + 1) * size))
      if (piece === Math.floor((pieces - 1) / 2)) this.#tell('half', dispatch)
      if (piece < pieces - 1) await sleep(this.#chance.below(8))
    }
    response.end()
  }

  #tell(event: DispatchEvent, dispatch: Dispatch): void {
    dispatch.state = event
    this.onEvent(event, dispatch)
  }
}

export type { JobUpstream }

/** Oddly spaced, so that a result that was written anew is told from the bytes that were sent. */
function completion(model: string, count: number): string {
  const message = { role: 'assistant', content: `answer ${count} to ${model}` }
  const choice = JSON.stringify({ index: 0, message, finish_reason: 'stop' })
  const usage = '{"prompt_tokens":  5, "completion_tokens": 3,"total_tokens": 8 }'
  return `{ "id" : "sim-${count}", "object":"chat.completion","created" : 1700000000,\n "model":${JSON.stringify(model)},"choices":[ ${choice}],"usage":${usage},"odd": 1.50 }`
}
