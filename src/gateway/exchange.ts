import type { Attempt } from '../core/call.ts'
import type { Headers } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import type { Clock, Timer } from '../core/runtime.ts'
import type {
  Endpoint,
  Exchange,
  ExchangeHandler,
  UpstreamRequest,
} from '../transport/transport.ts'
import type { Form } from './form.ts'
import type { AnswerStream, StreamEnd } from './held-stream.ts'
import { type Limits, Watchdog } from './watchdog.ts'

/** What one attempt brings: the whole body of a good answer, or a stream whose first event is in hand. */
export type Answered =
  | { readonly kind: 'body'; readonly body: Buffer; readonly headers: Headers }
  | { readonly kind: 'stream'; readonly stream: AnswerStream; readonly headers: Headers }

export interface ExchangeOptions {
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly choices: number
  readonly form: Form
  /** Words an error for the client, where a begun stream ends with it. */
  readonly explain: (error: GatewayError) => GatewayError
  /** How long it may wait for one of our connections; null: as long as `limits` say. */
  readonly slotMs: number | null
  readonly limits: Limits
  readonly maxReplyBytes: number
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly attempt: Attempt
}

const maxErrorBytes = 64 * 1024
/** How long a finished stream's connection may take to end by itself before it is given up. */
const lingerMs = 1000

/** Sends a request once. Rejects with a GatewayError; whoever aborts the signal gives one as its reason. */
export function exchange(
  endpoint: Endpoint,
  request: UpstreamRequest,
  options: ExchangeOptions,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    if (options.signal.aborted) return reject(options.signal.reason)
    new AttemptExchange(options, resolve, reject).start(endpoint, request)
  })
}

class AttemptExchange implements ExchangeHandler {
  readonly #options: ExchangeOptions
  readonly #resolve: (answered: Answered) => void
  readonly #reject: (error: GatewayError) => void
  readonly #watchdog: Watchdog
  readonly #onAbort = (): void => this.#fail(this.#options.signal.reason as GatewayError)
  #exchange: Exchange | null = null
  #queued: Timer | null = null
  #status = 0
  #headers: Headers = {}
  /** Null while the body is collected whole. */
  #stream: AnswerStream | null = null
  #chunks: Buffer[] = []
  #size = 0
  #isObject = false
  #over = false

  constructor(
    options: ExchangeOptions,
    resolve: (answered: Answered) => void,
    reject: (error: GatewayError) => void,
  ) {
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
    this.#watchdog = new Watchdog(options.clock, options.limits, (phase, limitMs) =>
      this.#fail(
        this.#exchange?.waiting
          ? noPlace(limitMs)
          : new GatewayError('upstream_timeout', late(phase, limitMs)),
      ),
    )
    options.signal.addEventListener('abort', this.#onAbort)
  }

  start(endpoint: Endpoint, request: UpstreamRequest): void {
    this.#exchange = endpoint.send(request, this)
    // A failure can come before `send` has returned.
    if (this.#over) this.#exchange.abort()
    else if (this.#exchange.waiting) this.#awaitPlace(this.#options.slotMs)
  }

  #awaitPlace(slotMs: number | null): void {
    if (slotMs === null) return
    this.#queued = this.#options.clock.timer(slotMs, () => {
      if (this.#exchange?.waiting) this.#fail(noPlace(slotMs))
    })
  }

  onSent(): void {
    this.#options.attempt.sentMs = this.#options.clock.monotonic()
  }

  onHead(status: number, headers: Headers): void {
    const { attempt, clock } = this.#options
    attempt.headMs = clock.monotonic()
    attempt.status = this.#status = status
    this.#headers = headers
    this.#watchdog.enter('first_token')
  }

  onData(chunk: Buffer): void {
    if (this.#stream) this.#stream.push(chunk)
    else if (this.#over) return
    else this.#collect(chunk)
  }

  onEnd(): void {
    if (this.#stream) this.#stream.end()
    else if (!this.#over) this.#complete()
    this.#exchange = null
  }

  onFailure(error: GatewayError): void {
    this.#exchange = null
    // A plain reply that breaks off is a wrong answer; only a stream can be cut short.
    const wrong = error.code === 'upstream_stream_truncated' && !this.#options.stream
    this.#fail(
      wrong
        ? new GatewayError('upstream_invalid_response', error.message, {
            cause: error.facts.cause,
            dispatched: true,
          })
        : error,
    )
  }

  #collect(chunk: Buffer): void {
    const good = isGood(this.#status)
    if (good && !this.#options.stream && this.#size === 0) this.#watchdog.enter('total')
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (good && this.#options.stream && !this.#isObject) this.#sniff(chunk)
    if (this.#stream) return
    if (!good && this.#size >= maxErrorBytes) this.#complete()
    else if (good && this.#size > this.#options.maxReplyBytes)
      this.#fail(
        new GatewayError(
          'upstream_invalid_response',
          `the reply is over ${this.#options.maxReplyBytes} bytes`,
          { dispatched: true },
        ),
      )
  }

  /** A provider asked for a stream may answer with one object instead, and content types lie: the bytes decide. */
  #sniff(chunk: Buffer): void {
    const { includeUsage, choices, form, explain } = this.#options
    if (!form.isBinary) {
      const start = firstByte(chunk)
      if (start === null) return
      this.#isObject = start === 0x7b || start === 0x5b || start === 0x3c
      if (this.#isObject) return
    }
    const stream = form.openStream(
      {
        onReady: () => this.#ready(stream),
        onEvent: () => this.#watchdog.touch(),
        onFinished: (end) => this.#streamEnded(end),
        onPause: () => {
          this.#watchdog.suspend()
          this.#exchange?.pause()
        },
        onResume: () => {
          this.#watchdog.proceed()
          this.#exchange?.resume()
        },
      },
      { includeUsage, choices, explain },
    )
    this.#stream = stream
    const chunks = this.#chunks
    this.#chunks = []
    for (const chunk of chunks) stream.push(chunk)
  }

  #ready(stream: AnswerStream): void {
    this.#watchdog.enter('idle')
    this.#resolve({ kind: 'stream', stream, headers: this.#headers })
  }

  #streamEnded({ error }: StreamEnd): void {
    this.#close(error)
    // Before the first event this is the attempt's failure; afterwards the promise is settled and this does nothing.
    if (error) this.#reject(error)
    const open = this.#exchange
    if (!open) return
    if (error) open.abort()
    else {
      // A slow reader may have paused it, and only its end lets the connection be used again.
      open.resume()
      this.#options.clock.timer(lingerMs, () => open.abort())
    }
  }

  #complete(): void {
    const body =
      this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks)
    if (isGood(this.#status)) {
      this.#close(null)
      this.#resolve({ kind: 'body', body, headers: this.#headers })
    } else
      this.#fail(
        this.#options.form.decodeError(
          this.#status,
          this.#headers,
          body,
          this.#options.clock.now(),
        ),
      )
  }

  #fail(given: GatewayError): void {
    const error = this.#placed(given)
    if (this.#stream) {
      this.#stream.fail(error)
      return
    }
    if (!this.#over) {
      this.#close(error)
      this.#reject(error)
    }
    this.#exchange?.abort()
  }

  /** What gives up from outside does not know how far the request came, which decides what may have been billed. */
  #placed(error: GatewayError): GatewayError {
    const open = this.#exchange
    if (!open || error.facts.dispatched !== undefined) return error
    return new GatewayError(error.code, error.message, {
      ...error.facts,
      dispatched: open.dispatched,
    })
  }

  #close(error: GatewayError | null): void {
    const { attempt, clock, signal } = this.#options
    this.#over = true
    this.#chunks = []
    attempt.endedMs = clock.monotonic()
    attempt.error = error
    this.#watchdog.stop()
    this.#queued?.cancel()
    signal.removeEventListener('abort', this.#onAbort)
  }
}

const isGood = (status: number): boolean => status >= 200 && status < 300

/** The first byte that is neither white space nor part of a byte order mark. */
function firstByte(chunk: Buffer): number | null {
  for (const byte of chunk)
    if (byte > 32 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf) return byte
  return null
}

const inWords = (ms: number): string => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`)

/** Ours, not the provider's: it has not been asked. */
const noPlace = (limitMs: number): GatewayError =>
  new GatewayError(
    'overloaded',
    `as many calls are under way there as may be (max_concurrency), and none ended within ${inWords(limitMs)}. Try again in a moment.`,
    { dispatched: false },
  )

function late(phase: string, limitMs: number): string {
  const limit = inWords(limitMs)
  if (phase === 'first_byte') return `it did not begin to answer within ${limit}`
  if (phase === 'first_token') return `nothing of its answer came within ${limit}`
  if (phase === 'idle') return `its stream fell silent for ${limit}`
  return `it was not done within ${limit}, which is all the time the call had`
}
