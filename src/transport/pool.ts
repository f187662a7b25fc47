import { subscribe } from 'node:diagnostics_channel'
import type { LookupFunction } from 'node:net'
import { type Dispatcher, Pool, ProxyAgent } from 'undici'
import type { Headers } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import { createConnector } from './connector.ts'
import { createGuardedConnector, guardTargets } from './egress-guard.ts'
import { shareLookups } from './shared-lookup.ts'
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
  /** Where connections may lead; absent: anywhere. */
  readonly reach?: 'any' | 'private' | 'public'
}

/** The pools in use, one for each way to a provider; a reload keeps those whose settings did not change. */
export class Pools {
  readonly #lanes = new Map<string, Lane>()
  readonly #lookup: LookupFunction

  constructor(lookup: LookupFunction = shareLookups()) {
    this.#lookup = lookup
  }

  open(settings: PoolSettings): Endpoint {
    const key = JSON.stringify(settings)
    let lane = this.#lanes.get(key)
    if (!lane) {
      lane = new Lane(settings, this.#lookup)
      this.#lanes.set(key, lane)
    }
    return lane
  }

  /** Lets go of the pools that none of `settings` needs; what is under way on them still ends well. */
  keepOnly(settings: readonly PoolSettings[]): void {
    const kept = new Set(settings.map((each) => JSON.stringify(each)))
    for (const [key, lane] of this.#lanes) {
      if (kept.has(key)) continue
      this.#lanes.delete(key)
      lane.retire()
    }
  }

  /** An address may have changed since: connections made before carry no further call. To be called now and then. */
  renew(): void {
    for (const lane of this.#lanes.values()) lane.renew()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.destroy()))
    this.#lanes.clear()
  }
}

function createPool(
  { origin, connectTimeoutMs, connections, proxy, ca, reach = 'any' }: PoolSettings,
  lookup: LookupFunction,
): Dispatcher {
  const rules = { allowPrivateNetwork: reach === 'private', lookup }
  const options = {
    connections,
    allowH2: false,
    // The library's own limits are off: ours differ by phase, and a stall must be told apart from a slow model.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 64 * 1024,
  }
  const tls = { timeout: connectTimeoutMs, ...(ca && { ca }) }
  if (proxy) {
    const agent = new ProxyAgent({
      ...options,
      uri: proxy,
      requestTls: tls,
      proxyTls: tls,
      // The pools that the agent would make by itself have the library's limits, and none for CONNECT to be answered.
      factory: (to, given) => new Pool(to, { ...given, ...options }),
      clientFactory: (to, given) => new Pool(to, { ...given, headersTimeout: connectTimeoutMs }),
    })
    return reach === 'any' ? agent : agent.compose(guardTargets(rules))
  }
  const connecting = { ...tls, allowH2: false, autoSelectFamily: true }
  return new Pool(origin, {
    ...options,
    connect:
      reach === 'any'
        ? createConnector({ ...connecting, lookup })
        : createGuardedConnector(connecting, rules),
  })
}

/** How many calls may wait for one of a provider's connections; the next is refused. */
const waitingAtMost = 100

/**
 * The way to one provider: as many calls under way as there may be connections, a few that wait, no more. The library
 * would queue without bound, and keep the bodies of callers who have long left.
 */
class Lane implements Endpoint {
  #dispatcher: Dispatcher
  /** Those before it that may still carry something. */
  readonly #former = new Set<Dispatcher>()
  readonly #settings: PoolSettings
  readonly #lookup: LookupFunction
  readonly #waiting: PooledExchange[] = []
  #underWay = 0
  #retired = false

  constructor(settings: PoolSettings, lookup: LookupFunction) {
    this.#dispatcher = createPool(settings, lookup)
    this.#settings = settings
    this.#lookup = lookup
  }

  send(request: UpstreamRequest, handler: ExchangeHandler): Exchange {
    const exchange = new PooledExchange(request, handler, this)
    if (this.#underWay < this.#settings.connections) this.#start(exchange)
    else if (this.#waiting.length < waitingAtMost) this.#waiting.push(exchange)
    else exchange.onResponseError(null, busy(this.#settings.connections))
    return exchange
  }

  /** The library can let connections grow old by itself, but then looks at the clock for each of them with every call. */
  renew(): void {
    const old = this.#dispatcher
    this.#dispatcher = createPool(this.#settings, this.#lookup)
    this.#former.add(old)
    void letGo(old).finally(() => this.#former.delete(old))
  }

  async destroy(): Promise<void> {
    const all = [this.#dispatcher, ...this.#former]
    await Promise.all(all.map((dispatcher) => dispatcher.destroy()))
  }

  /** Calls that began before may still come: each is carried on a connection of its own. */
  retire(): void {
    this.#retired = true
    if (this.#underWay === 0) void letGo(this.#dispatcher)
  }

  /** Its place is free again. */
  leave(exchange: PooledExchange, started: boolean): void {
    if (started) {
      this.#underWay--
      if (exchange.own) void letGo(exchange.own)
      const next = this.#waiting.shift()
      if (next) this.#start(next)
      else if (this.#retired && this.#underWay === 0) void letGo(this.#dispatcher)
    } else {
      const place = this.#waiting.indexOf(exchange)
      if (place >= 0) this.#waiting.splice(place, 1)
    }
  }

  #start(exchange: PooledExchange): void {
    this.#underWay++
    const { origin } = this.#settings
    // The pool would take whatever is idle; one that carries a single request has nothing idle.
    if (exchange.wantsFresh || this.#retired)
      exchange.own = createPool({ ...this.#settings, connections: 1 }, this.#lookup)
    exchange.start(exchange.own ?? this.#dispatcher, origin)
  }
}

/** Ends well what is under way; before anything is under way it would refuse that too. */
function letGo(dispatcher: Dispatcher): Promise<void> {
  return dispatcher.close().catch(() => {
    // It was closed or destroyed in the meantime: closed either way.
  })
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

/**
 * The library tells which connection a request goes out on here alone, right after it told the request's handler that it
 * begins and before it does anything else.
 */
let beginning: PooledExchange | null = null
const used = Symbol('it has carried a request')
subscribe('undici:client:sendHeaders', (message) => {
  const { socket } = message as { readonly socket: { [used]?: true } }
  beginning?.noteSocket(socket[used] === true)
  beginning = null
  socket[used] = true
})

const gone = new Error('the call was given up')

const busy = (connections: number): GatewayError =>
  new GatewayError(
    'overloaded',
    `it has ${connections} calls under way, as many as it may (max_concurrency). Try again in a moment.`,
    { dispatched: false },
  )

/** One object per request: undici calls it as bytes arrive. */
class PooledExchange implements Exchange, Dispatcher.DispatchHandler {
  /** The pool that carries it alone, to be closed with it; null: it shares its lane's. */
  own: Dispatcher | null = null
  readonly #handler: ExchangeHandler
  readonly #lane: Lane
  #request: UpstreamRequest | null
  #controller: Dispatcher.DispatchController | null = null
  #phase: Phase = 'connecting'
  #ended = false
  #left = false
  #reused = false

  constructor(request: UpstreamRequest, handler: ExchangeHandler, lane: Lane) {
    this.#request = request
    this.#handler = handler
    this.#lane = lane
  }

  start(dispatcher: Dispatcher, origin: string): void {
    const request = this.#request as UpstreamRequest
    this.#request = null
    try {
      dispatcher.dispatch(
        {
          origin,
          path: request.path,
          method: 'POST',
          headers: headersOf(request),
          body: bodyOf(request),
        },
        this,
      )
    } catch (cause) {
      this.onResponseError(null, cause as Error)
    }
  }

  get dispatched(): boolean {
    return this.#phase !== 'connecting'
  }

  get waiting(): boolean {
    return this.#request !== null && !this.#ended
  }

  get wantsFresh(): boolean {
    return this.#request?.fresh === true
  }

  noteSocket(isReused: boolean): void {
    this.#reused = isReused
  }

  abort(): void {
    if (this.#ended) return
    this.#ended = true
    // While it connects there is no controller: the library keeps the body, and it the place, until that is over.
    if (this.#request || this.#controller) this.#leave()
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
    beginning = this
    if (!this.#ended) {
      this.#handler.onSent?.()
      return
    }
    beginning = null
    // It was given up meanwhile: it is dropped before anything is written.
    this.#leave()
    controller.abort(gone)
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
    if (this.#end()) this.#handler.onEnd()
  }

  onResponseError(_: unknown, cause: Error): void {
    // For one that was given up while it connected, this is the end of that.
    if (!this.#end()) this.#leave()
    else
      this.#handler.onFailure(
        cause instanceof GatewayError ? cause : describeFailure(cause, this.#phase, this.#reused),
      )
  }

  /** True the first time. */
  #end(): boolean {
    if (this.#ended) return false
    this.#ended = true
    this.#leave()
    return true
  }

  #leave(): void {
    if (this.#left) return
    this.#left = true
    this.#lane.leave(this, this.#request === null)
    this.#request = null
  }
}
