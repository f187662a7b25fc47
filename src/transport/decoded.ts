import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib'
import type { Headers } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import type { Endpoint, Exchange, ExchangeHandler, UpstreamRequest } from './transport.ts'

const decoders = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
} as const

type Decoder = ReturnType<(typeof decoders)[keyof typeof decoders]>

/**
 * An endpoint whose encoded answers arrive decoded. Providers are asked for `identity`, so this is for those that
 * encode all the same; one known encoding only, since chains of them are an attack.
 */
export function decoded(endpoint: Endpoint): Endpoint {
  return {
    send(request: UpstreamRequest, handler: ExchangeHandler): Exchange {
      const decoding = new DecodingHandler(handler)
      const exchange = endpoint.send(request, decoding)
      decoding.exchange = exchange
      return decoding.wrap(exchange)
    },
  }
}

class DecodingHandler implements ExchangeHandler {
  exchange: Exchange | null = null
  readonly #handler: ExchangeHandler
  #decoder: Decoder | null = null
  #ended = false

  constructor(handler: ExchangeHandler) {
    this.#handler = handler
  }

  wrap(exchange: Exchange): Exchange {
    return {
      abort: () => {
        this.#ended = true
        this.#decoder?.destroy()
        exchange.abort()
      },
      pause: () => {
        if (this.#decoder) this.#decoder.pause()
        else exchange.pause()
      },
      resume: () => {
        if (this.#decoder) this.#decoder.resume()
        else exchange.resume()
      },
    }
  }

  onHead(status: number, headers: Headers): void {
    const encoding = String(headers['content-encoding'] ?? 'identity')
      .trim()
      .toLowerCase()
    if (encoding !== 'identity' && encoding !== '') {
      const create = Object.hasOwn(decoders, encoding)
        ? decoders[encoding as keyof typeof decoders]
        : null
      if (!create) {
        this.#fail(`the answer is encoded as "${encoding.slice(0, 40)}"`)
        return
      }
      this.#decoder = this.#decode(create())
    }
    this.#handler.onHead(status, headers)
  }

  onData(chunk: Buffer): void {
    if (this.#ended) return
    if (!this.#decoder) this.#handler.onData(chunk)
    else if (!this.#decoder.write(chunk)) {
      this.exchange?.pause()
      this.#decoder.once('drain', () => this.exchange?.resume())
    }
  }

  onEnd(): void {
    if (this.#ended) return
    if (this.#decoder) this.#decoder.end()
    else this.#handler.onEnd()
  }

  onFailure(error: GatewayError): void {
    if (this.#ended) return
    this.#ended = true
    this.#decoder?.destroy()
    this.#handler.onFailure(error)
  }

  #decode(decoder: Decoder): Decoder {
    decoder.on('data', (chunk: Buffer) => {
      if (!this.#ended) this.#handler.onData(chunk)
    })
    decoder.on('end', () => {
      if (!this.#ended) this.#handler.onEnd()
    })
    decoder.on('error', () => this.#fail('the encoded answer could not be decoded'))
    return decoder
  }

  #fail(message: string): void {
    if (this.#ended) return
    this.#ended = true
    this.exchange?.abort()
    this.#handler.onFailure(new GatewayError('upstream_invalid_response', message))
  }
}
