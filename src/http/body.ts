import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../core/errors.ts'
import type { Clock } from '../core/runtime.ts'
import {
  type ContentDecoder,
  createContentDecoder,
  encodingOf,
  isKnownEncoding,
} from '../wire/content-encoding.ts'
import { ByteList } from './byte-list.ts'

/** The bytes of all bodies in memory together. */
export class BodyBudget {
  #used = 0
  readonly #limit: () => number

  constructor(limit: () => number) {
    this.#limit = limit
  }

  get used(): number {
    return this.#used
  }

  /** Throws `overloaded` where the bytes do not fit any more. */
  take(bytes: number): void {
    if (this.#used + bytes > this.#limit())
      throw new GatewayError(
        'overloaded',
        'The gateway holds as many request bodies as it may. Try again in a moment.',
        {
          closeConnection: true,
        },
      )
    this.#used += bytes
  }

  give(bytes: number): void {
    this.#used -= bytes
  }
}

export interface BodyRules {
  readonly maxBytes: number
  readonly budget: BodyBudget
  readonly clock: Clock
}

/** A body in memory. Whoever reads it gives its bytes back to the budget when the call is over. */
export interface ReadBody {
  readonly bytes: Buffer
  readonly charged: number
}

const totalMs = 60_000
const pace = { everyMs: 10_000, bytes: 10 * 1024 }

/** Refuses by the headers alone what they show to be unfit. */
export function checkBodyHeaders(req: IncomingMessage, maxBytes: number): void {
  const type = req.headers['content-type']
  if (type !== undefined && !isJson(type))
    throw new GatewayError(
      'unsupported_media_type',
      'Send the request as application/json in UTF-8',
      {
        closeConnection: true,
      },
    )
  const encoding = encodingOf(req.headers['content-encoding'])
  if (encoding !== null && !isKnownEncoding(encoding))
    throw new GatewayError(
      'unsupported_encoding',
      'A request body may be encoded once, as gzip, deflate, br or zstd',
      {
        closeConnection: true,
      },
    )
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
}

function isJson(type: string): boolean {
  const [media = '', ...parameters] = type.toLowerCase().split(';')
  if (media.trim() !== 'application/json') return false
  return parameters.every((each) => {
    const [name, value = ''] = each.split('=').map((part) => part.trim().replaceAll('"', ''))
    return name !== 'charset' || value === 'utf-8' || value === 'utf8'
  })
}

/**
 * Reads the whole body, decoded, under one limit for its decoded size. Throws 408 for a body that trickles, 413,
 * 503 `overloaded`, and `client_closed` when the client goes away. On a throw nothing stays charged.
 */
export function readBody(
  req: IncomingMessage,
  res: ServerResponse,
  rules: BodyRules,
): Promise<ReadBody> {
  return new Promise((resolve, reject) => new BodyReader(req, rules, resolve, reject).start(res))
}

class BodyReader {
  readonly #req: IncomingMessage
  readonly #rules: BodyRules
  readonly #resolve: (body: ReadBody) => void
  readonly #reject: (error: GatewayError) => void
  readonly #stop: (() => void)[] = []
  readonly #pieces = new ByteList()
  #size = 0
  #charged = 0
  #received = 0
  #over = false

  constructor(
    req: IncomingMessage,
    rules: BodyRules,
    resolve: (body: ReadBody) => void,
    reject: (error: GatewayError) => void,
  ) {
    this.#req = req
    this.#rules = rules
    this.#resolve = resolve
    this.#reject = reject
  }

  start(res: ServerResponse): void {
    const req = this.#req
    // Whoever left while its credential was checked is not reported again.
    if (req.destroyed) {
      this.#fail(gone())
      return
    }
    try {
      this.#charge(Number(req.headers['content-length'] ?? 0))
    } catch (thrown) {
      this.#fail(GatewayError.from(thrown))
      return
    }
    // The client waits for this word before it sends a body it announced; by now nothing speaks against it.
    if (req.headers.expect?.toLowerCase() === '100-continue' && req.httpVersion === '1.1')
      res.writeContinue()
    const encoding = encodingOf(req.headers['content-encoding'])
    const decoder = encoding === null ? null : createContentDecoder(encoding)
    const source = decoder ? this.#decode(decoder) : req
    source.on('data', this.#onData)
    source.on('end', this.#onEnd)
    req.on('close', this.#onClose)
    req.on('error', this.#onClose)
    // Most bodies arrive with their headers, are in by the next microtask and never need a timer.
    queueMicrotask(() => {
      if (!this.#over && !req.complete) this.#watchPace()
    })
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#over) return
    this.#size += chunk.length
    if (this.#size > this.#rules.maxBytes) {
      this.#fail(tooLarge(this.#rules.maxBytes))
      return
    }
    try {
      if (this.#size > this.#charged) this.#charge(this.#size - this.#charged)
    } catch (thrown) {
      this.#fail(GatewayError.from(thrown))
      return
    }
    this.#pieces.append(chunk)
  }

  readonly #onEnd = (): void => {
    if (this.#over) return
    this.#close()
    this.#resolve({ bytes: withoutMark(this.#pieces.take()), charged: this.#charged })
  }

  readonly #onClose = (): void => {
    if (!this.#req.complete) this.#fail(gone())
  }

  #decode(decoder: ContentDecoder): NodeJS.ReadableStream {
    decoder.on('error', () =>
      this.#fail(
        new GatewayError('invalid_encoding', 'The body is not encoded as content-encoding says', {
          closeConnection: true,
        }),
      ),
    )
    this.#req.pipe(decoder)
    this.#stop.push(() => {
      this.#req.unpipe(decoder)
      decoder.destroy()
    })
    return decoder
  }

  #watchPace(): void {
    const { clock } = this.#rules
    let before = 0
    const count = (chunk: Buffer): void => {
      this.#received += chunk.length
    }
    this.#req.on('data', count)
    const late = (what: string): void =>
      this.#fail(
        new GatewayError('request_timeout', `The request's body ${what}`, {
          closeConnection: true,
        }),
      )
    const total = clock.timer(totalMs, () => late(`was not complete within ${totalMs / 1000} s`))
    const progress = clock.timer(pace.everyMs, () => {
      if (this.#received - before < pace.bytes) late('came at less than 1 KiB a second')
      else {
        before = this.#received
        progress.refresh()
      }
    })
    this.#stop.push(() => {
      this.#req.off('data', count)
      total.cancel()
      progress.cancel()
    })
  }

  #charge(bytes: number): void {
    this.#rules.budget.take(bytes)
    this.#charged += bytes
  }

  #fail(error: GatewayError): void {
    if (this.#over) return
    this.#close()
    this.#pieces.clear()
    this.#rules.budget.give(this.#charged)
    this.#reject(error)
  }

  #close(): void {
    this.#over = true
    const req = this.#req
    req.off('data', this.#onData)
    req.off('end', this.#onEnd)
    req.off('close', this.#onClose)
    for (const stop of this.#stop) stop()
  }
}

const gone = (): GatewayError =>
  new GatewayError('client_closed', 'The client went away while it sent its request')

const tooLarge = (maxBytes: number): GatewayError =>
  new GatewayError(
    'request_too_large',
    `The request is larger than ${maxBytes} bytes, which is this gateway's limit (server.max_body)`,
    {
      closeConnection: true,
    },
  )

/** A byte order mark says nothing in UTF-8, and many readers of JSON refuse it. */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}
