import { type Dispatcher, Pool, ProxyAgent } from 'undici'
import type { Headers } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import { createConnector } from './connector.ts'
import type { Endpoint, Exchange, ExchangeHandler, UpstreamRequest } from './transport.ts'
import { describeFailure, type Phase } from './upstream-failure.ts'

export interface PoolSettings {
  /** Scheme, host and port. */
  readonly origin: string
  readonly connectTimeoutMs: number
  readonly connections: number
  readonly proxy: string | null
  /** PEM, in place of the usual authorities. */
  readonly ca: string | null
}

/** The pools in use, one for each way to a provider; a reload keeps those whose settings did not change. */
export class Pools {
  readonly #pools = new Map<string, Dispatcher>()

  open(settings: PoolSettings): Endpoint {
    const key = JSON.stringify(settings)
    let pool = this.#pools.get(key)
    if (!pool) {
      pool = createPool(settings)
      this.#pools.set(key, pool)
    }
    return new PooledEndpoint(pool, settings.origin)
  }

  /** Lets go of the pools that none of `settings` needs; what is under way on them still ends well. */
  keepOnly(settings: readonly PoolSettings[]): void {
    const kept = new Set(settings.map((each) => JSON.stringify(each)))
    for (const [key, pool] of this.#pools) {
      if (kept.has(key)) continue
      this.#pools.delete(key)
      pool.close().catch(() => {
        // It was destroyed in the meantime: closed either way.
      })
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
    this.#pools.clear()
  }
}

function createPool({
  origin,
  connectTimeoutMs,
  connections,
  proxy,
  ca,
}: PoolSettings): Dispatcher {
  const options = {
    connections,
    allowH2: false,
    // The library's own limits are off: ours differ by phase, and a stall must be told apart from a slow model.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 64 * 1024,
  }
  const tls = { timeout: connectTimeoutMs, ...(ca && { ca }) }
  if (proxy)
    return new ProxyAgent({
      ...options,
      uri: proxy,
      requestTls: tls,
      proxyTls: tls,
      // The pools that the agent would make by itself have the library's limits, and none for CONNECT to be answered.
      factory: (to, given) => new Pool(to, { ...given, ...options }),
      clientFactory: (to, given) => new Pool(to, { ...given, headersTimeout: connectTimeoutMs }),
    })
  return new Pool(origin, {
    ...options,
    connect: createConnector({ ...tls, allowH2: false, autoSelectFamily: true }),
  })
}

class PooledEndpoint implements Endpoint {
  readonly #pool: Dispatcher
  readonly #origin: string

  constructor(pool: Dispatcher, origin: string) {
    this.#pool = pool
    this.#origin = origin
  }

  send(request: UpstreamRequest, handler: ExchangeHandler): Exchange {
    const exchange = new PooledExchange(handler)
    try {
      this.#pool.dispatch(
        {
          origin: this.#origin,
          path: request.path,
          method: 'POST',
          headers: headersOf(request),
          body: bodyOf(request),
        },
        exchange,
      )
    } catch (cause) {
      exchange.onResponseError(null, cause as Error)
    }
    return exchange
  }
}

const pieceBytes = 64 * 1024

/**
 * A whole buffer counts as sent once it is handed to the socket. In pieces the library knows that an answer came before
 * the upload was through, and does not give the connection, with the rest still to go out, to another call.
 */
function* inPieces(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += pieceBytes) yield body.subarray(at, at + pieceBytes)
}

// The library takes any iterable; its types know of streams alone.
const bodyOf = ({ body }: UpstreamRequest): Uint8Array =>
  body.length <= pieceBytes ? body : (inPieces(body) as unknown as Uint8Array)

function headersOf({ headers, body }: UpstreamRequest): string[] {
  if (body.length <= pieceBytes) return headers as string[]
  return [...headers, 'content-length', String(body.length)]
}

const gone = new Error('the call was given up')

/** One object per request: undici calls it as bytes arrive. */
class PooledExchange implements Exchange, Dispatcher.DispatchHandler {
  readonly #handler: ExchangeHandler
  #controller: Dispatcher.DispatchController | null = null
  #phase: Phase = 'connecting'
  #ended = false

  constructor(handler: ExchangeHandler) {
    this.#handler = handler
  }

  get dispatched(): boolean {
    return this.#phase !== 'connecting'
  }

  abort(): void {
    if (this.#ended) return
    this.#ended = true
    // Without a controller the request still waits for a connection: it is dropped before anything is written.
    this.#controller?.abort(gone)
  }

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#phase = 'sent'
    if (this.#ended) controller.abort(gone)
  }

  onResponseStart(_: unknown, status: number, headers: Headers): void {
    if (this.#ended || status < 200) return
    this.#phase = 'answering'
    this.#handler.onHead(status, headers)
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    if (!this.#ended) this.#handler.onData(chunk)
  }

  onResponseEnd(): void {
    if (this.#ended) return
    this.#ended = true
    this.#handler.onEnd()
  }

  onResponseError(_: unknown, cause: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#handler.onFailure(
      cause instanceof GatewayError ? cause : describeFailure(cause, this.#phase),
    )
  }
}
