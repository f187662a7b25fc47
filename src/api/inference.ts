import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Call } from '../core/call.ts'
import { GatewayError } from '../core/errors.ts'
import type { Principal } from '../core/principal.ts'
import type { Runtime } from '../core/runtime.ts'
import { type Answer, meant } from '../gateway/attempt.ts'
import type { Gateway } from '../gateway/gateway.ts'
import { type SettleDeps, settle } from '../gateway/settle.ts'
import type { Sign, Strain } from '../governance/strain.ts'
import { type BodyBudget, checkBodyHeaders, readBody } from '../http/body.ts'
import { sendError } from '../http/error-reply.ts'
import type { InFlight, OpenCall } from '../http/in-flight.ts'
import { allowOrigin } from '../http/origins.ts'
import { StreamWriter } from '../http/stream-writer.ts'
import type { JobQueue } from '../jobs/job-queue.ts'
import { type ChatLook, lookAtChat, scanRequest } from '../wire/openai-chat/look.ts'
import { usualTokensOf } from '../wire/openai-chat/prompt-size.ts'
import { AsyncCalls, type Submission } from './async-calls.ts'
import type { PollOrder, SubmitOrder } from './async-headers.ts'
import { readCallerHeaders } from './caller-headers.ts'
import type { ChatMatch } from './chat-routes.ts'
import { decodeDeployment, readApiVersion } from './deployment.ts'
import { identify } from './identify.ts'
import type { JobReply } from './job-replies.ts'
import { chatRoad, type JobRoad } from './job-roads.ts'
import { openCall } from './open-call.ts'
import { replyHeaders } from './reply-headers.ts'

export interface InferenceDeps {
  readonly gateway: Gateway
  readonly jobs: JobQueue
  readonly runtime: Runtime
  readonly inFlight: InFlight
  readonly strain: { readonly level: Strain; readonly sign: Sign | null }
  readonly budget: BodyBudget
  readonly settling: SettleDeps
}

interface CallDeps extends InferenceDeps {
  readonly asyncCalls: AsyncCalls
}

/** Serves chat calls and the jobs they become, whichever way they came in. One object per process. */
export class Inference {
  readonly #deps: CallDeps
  #draining = false

  constructor(deps: InferenceDeps) {
    this.#deps = { ...deps, asyncCalls: new AsyncCalls(deps.jobs) }
  }

  /** From now on answers say that the connection ends with them, and none is held back for a job. */
  drain(): void {
    this.#draining = true
    this.#deps.asyncCalls.drain()
    this.#deps.inFlight.endConnections()
  }

  /** `road` is given on the routes that are for jobs alone. */
  handle(req: IncomingMessage, res: ServerResponse, match: ChatMatch, road = chatRoad): void {
    if (this.#draining) res.shouldKeepAlive = false
    new ServedCall(req, res, match, road, this.#deps).serve().catch((thrown: unknown) => {
      // `serve` settles everything itself; what still comes here is a fault of ours and must not hang the client.
      res.destroy(thrown instanceof Error ? thrown : undefined)
    })
  }
}

const nosniff = ['x-content-type-options', 'nosniff'] as const

const expectsContinue = ({ headers, httpVersion }: IncomingMessage): boolean =>
  headers.expect?.toLowerCase() === '100-continue' && httpVersion === '1.1'

const shortOf: Readonly<Record<Sign, string>> = {
  memory: 'is short of memory',
  event_loop: 'is behind with its work',
  descriptors: 'has nearly as many files and sockets open as it may',
  connections: 'has more connections than it may',
  store: 'waits for its store',
}

/** `sign` null: there are as many calls as there may be. */
const overloaded = (sign: Sign | null, random: () => number): GatewayError =>
  new GatewayError(
    'overloaded',
    `The gateway ${sign ? shortOf[sign] : 'serves as many calls as it may (max_in_flight)'}. Try again in a moment.`,
    // Spread, so that those who were refused together do not come back together.
    { closeConnection: true, retryAfterMs: Math.round(1000 + 4000 * random()) },
  )

/** One call from its headers to its record, in the order of the story. */
class ServedCall implements OpenCall {
  slot = 0
  stream = false
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #match: ChatMatch
  readonly #road: JobRoad
  readonly #deps: CallDeps
  readonly #call: Call
  readonly #controller = new AbortController()
  #look: ChatLook | null = null
  #writer: StreamWriter | null = null
  #charged = 0
  #relayedEvents = 0
  #settled = false
  #gone = false

  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    match: ChatMatch,
    road: JobRoad,
    deps: CallDeps,
  ) {
    this.#req = req
    this.#res = res
    this.#match = match
    this.#road = road
    this.#deps = deps
    const { runtime, gateway, settling } = deps
    this.#call = openCall(req, match, runtime, gateway.snapshot.config, settling.tracer)
    // Node reports a client that leaves only here, in every phase: while it sends, waits or reads.
    res.on('close', () => {
      this.#gone = true
      if (this.#settled) deps.inFlight.leave(this)
      else if (!res.writableFinished)
        this.abort(new GatewayError('client_closed', 'The client went away'))
    })
  }

  abort(reason: GatewayError): void {
    this.#controller.abort(reason)
  }

  endConnection(): void {
    // Once the head is out it is too late to say so: the next call on the connection is told.
    if (!this.#res.headersSent) this.#res.shouldKeepAlive = false
  }

  async serve(): Promise<void> {
    const { inFlight, settling, budget } = this.#deps
    inFlight.enter(this)
    try {
      await this.#answer()
    } catch (thrown) {
      this.#refuse(GatewayError.from(thrown))
    } finally {
      this.#writer?.stop()
      budget.give(this.#charged)
      this.#settled = true
      // An answer that is still on its way holds its place: a drain waits for it, and the limits count it.
      if (this.#gone) inFlight.leave(this)
      settle(this.#call, () => usualTokensOf(this.#look), this.#relayedEvents, settling)
    }
  }

  async #answer(): Promise<void> {
    const { gateway, runtime } = this.#deps
    const { config, door } = gateway.snapshot
    allowOrigin(this.#req, this.#res, config.server)
    this.#refuseOverload()
    const found = identify(this.#req, door, config.server, runtime.clock.now())
    const principal = found instanceof Promise ? await found : found
    this.#call.principal = principal
    const order = this.#road.readOrder(this.#req, config.jobs)
    if (order?.kind === 'poll') {
      await this.#poll(order, principal)
      return
    }
    if (order) {
      // What can wait is the first that does.
      const { strain } = this.#deps
      if (strain.level >= 1) throw overloaded(strain.sign, runtime.random)
      await this.#submit(order, principal)
      return
    }
    this.#deps.settling.content.begin(this.#call, principal, config.requestLog)
    const { look, deployment, extras } = await this.#readAll(principal)
    if (look.stream) this.#beginStream()
    const { signal } = this.#controller
    await this.#send(await gateway.chat(this.#call, principal, look, deployment, extras, signal))
  }

  /** All that a call is made of besides who makes it. */
  async #readAll(principal: Principal): Promise<Omit<Submission, 'call' | 'principal'>> {
    const { forward, dimensions, pinnedKey, session } = readCallerHeaders(
      this.#req.headers,
      principal,
    )
    this.#call.dimensions = dimensions
    const deployment = decodeDeployment(this.#match.deployment)
    const look = await this.#readRequest(deployment !== null)
    const apiVersion = readApiVersion(this.#match.query)
    const extras = { headers: forward, pinnedKey, session, apiVersion }
    return { look, deployment, extras }
  }

  async #submit(order: SubmitOrder, principal: Principal): Promise<void> {
    const { asyncCalls } = this.#deps
    const { signal } = this.#controller
    const submitted = await this.#handIn(order, principal)
    this.#sendJob(await asyncCalls.tell(submitted, order, principal, this.#road.describe, signal))
  }

  /** Nothing holds the body after this: it is on disk, and the answer may be held back for a minute. */
  async #handIn(order: SubmitOrder, principal: Principal): ReturnType<AsyncCalls['submit']> {
    this.#call.job = { step: 'submit', id: null }
    const submission = { call: this.#call, principal, ...(await this.#readAll(principal)) }
    const { asyncCalls, budget } = this.#deps
    const submitted = await asyncCalls.submit(order, submission, this.#controller.signal)
    this.#look = null
    budget.give(this.#charged)
    this.#charged = 0
    return submitted
  }

  async #poll(order: PollOrder, principal: Principal): Promise<void> {
    const req = this.#req
    // Any body may come along; it is let go, so that the connection can carry the next request.
    if (expectsContinue(req)) this.#res.writeContinue()
    req.resume()
    const { signal } = this.#controller
    const { asyncCalls } = this.#deps
    this.#sendJob(await asyncCalls.poll(order, this.#call, principal, this.#road.describe, signal))
  }

  #sendJob({ status, headers, body }: JobReply): void {
    // Who left while the job was waited for has had no answer.
    if (this.#gone) throw this.#controller.signal.reason
    this.#call.status = status
    this.#call.bytesOut = body.length
    this.#writeWhole(status, [...headers, ...this.#headers({})], body)
  }

  #refuseOverload(): void {
    const { inFlight, gateway, strain, runtime } = this.#deps
    // Which of the two a call is, only its body tells; this one is counted already, as plain.
    const { plain, streams } = gateway.snapshot.config.server.maxInFlight
    const isFull = inFlight.size - inFlight.streams > plain || inFlight.size > plain + streams
    const isStrained = strain.level >= 3 && !this.#road.isPoll(this.#req)
    if (isFull || isStrained) throw overloaded(isFull ? null : strain.sign, runtime.random)
  }

  async #readRequest(modelInAddress: boolean): Promise<ChatLook> {
    const { gateway, runtime, budget, settling } = this.#deps
    const { maxBodyBytes } = gateway.snapshot.config.server
    checkBodyHeaders(this.#req, maxBodyBytes)
    const rules = { maxBytes: maxBodyBytes, budget, clock: runtime.clock }
    const { bytes, charged } = await readBody(this.#req, this.#res, rules)
    this.#charged = charged
    this.#call.bytesIn = bytes.length
    settling.content.request(this.#call, bytes)
    const { signal } = this.#controller
    const fields = await scanRequest(bytes, () => runtime.clock.sleep(0, signal))
    this.#look = lookAtChat(bytes, fields, modelInAddress)
    return this.#look
  }

  #beginStream(): void {
    const { gateway, runtime, inFlight, strain } = this.#deps
    const { holdMs, keepAliveMs } = gateway.snapshot.config.server.stream
    const isFull = inFlight.streams >= gateway.snapshot.config.server.maxInFlight.streams
    if (isFull || strain.level >= 2) throw overloaded(isFull ? null : strain.sign, runtime.random)
    inFlight.markStream(this)
    this.#call.stream = true
    const writer = new StreamWriter(this.#res, runtime.clock, keepAliveMs, {
      onDrain: () => this.#resume?.(),
      onStalled: () => {
        this.abort(new GatewayError('client_closed', 'The client stopped reading'))
        this.#res.destroy()
      },
    })
    this.#writer = writer
    // A model that thinks long must not look dead to a load balancer: past this, the status is out.
    const held = runtime.clock.timer(holdMs, () => writer.open(this.#headers({})))
    this.#res.on('close', () => held.cancel())
  }

  #resume: (() => void) | null = null

  async #send(answer: Answer): Promise<void> {
    const { runtime, settling } = this.#deps
    if (answer.kind === 'reply') {
      this.#call.bytesOut = answer.body.length
      settling.content.reply(this.#call, answer.body, 'json')
      this.#writeWhole(200, this.#headers(answer.headers), answer.body)
      return
    }
    const writer = this.#writer as StreamWriter
    this.#call.firstTokenMs = runtime.clock.monotonic()
    writer.open(this.#headers(answer.headers))
    if (answer.kind === 'frames') {
      settling.content.reply(this.#call, answer.bytes, 'events')
      writer.write(answer.bytes)
    } else await this.#relay(answer, writer)
    if (!this.#call.error) writer.end()
    this.#call.bytesOut = writer.bytesOut
  }

  #writeWhole(status: number, headers: readonly string[], body: Uint8Array): void {
    const length = String(body.length)
    const first = ['content-type', 'application/json', 'content-length', length, ...nosniff]
    this.#res.writeHead(status, first.concat(headers))
    this.#res.end(body)
  }

  async #relay(
    { stream, onEnd }: Extract<Answer, { kind: 'stream' }>,
    writer: StreamWriter,
  ): Promise<void> {
    this.#resume = () => stream.resume()
    const { settling } = this.#deps
    const { error } = await stream.pump(settling.content.stream(this.#call, writer))
    onEnd?.(error)
    const provider = this.#call.attempts.at(-1)?.provider ?? ''
    this.#call.usage = meant(stream.usage, this.#deps.gateway.snapshot.providers.get(provider))
    this.#relayedEvents = stream.dataEvents
    if (error) this.#refuse(error)
  }

  #headers(upstream: Answer['headers']): string[] {
    return replyHeaders(this.#call, upstream, this.#deps.runtime.clock.monotonic())
  }

  /** Every failure ends here: a status with the envelope, or a frame where the status is out. */
  #refuse(error: GatewayError): void {
    this.#call.error = error
    this.#call.status = error.status
    if (error.code === 'client_closed' && this.#res.destroyed) return
    if (this.#writer?.isOpen) {
      this.#writer.fail(error)
      this.#call.bytesOut = this.#writer.bytesOut
    } else
      this.#call.bytesOut = sendError(this.#res, error, this.#headers({}), this.#deps.runtime.clock)
  }
}
