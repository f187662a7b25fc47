import type { Headers } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import { type ContentDecoder, createContentDecoder, encodingOf } from '../wire/content-encoding.ts'
import type { Endpoint, Exchange, ExchangeHandler, UpstreamRequest } from './transport.ts'

/**
 * An endpoint whose encoded answers arrive decoded. Providers are asked for `identity`, so this is for those that
 * encode all the same; one known encoding only, since chains of them are an attack.
 */
export function decoded(endpoint: Endpoint): Endpoint {
  return {
    send(request: UpstreamRequest, handler: ExchangeHandler): Exchange {
      const exchange = new DecodingExchange(handler)
      exchange.begin(endpoint.send(request, exchange))
      return exchange
    },
  }
}

/** Stands between the two sides; without an encoding it only hands on. */
class DecodingExchange implements ExchangeHandler, Exchange {
  readonly #handler: ExchangeHandler
  #source: Exchange | null = null
  #decoder: ContentDecoder | null = null
  #ended = false

  constructor(handler: ExchangeHandler) {
    this.#handler = handler
  }

  get dispatched(): boolean {
    return this.#source?.dispatched ?? false
  }

  get waiting(): boolean {
    return this.#source?.waiting ?? false
  }

  begin(source: Exchange): void {
    this.#source = source
    if (this.#ended) source.abort()
  }

  abort(): void {
    this.#ended = true
    this.#decoder?.destroy()
    this.#source?.abort()
  }

  pause(): void {
    if (this.#decoder) this.#decoder.pause()
    else this.#source?.pause()
  }

  resume(): void {
    if (this.#decoder) this.#decoder.resume()
    else this.#source?.resume()
  }

  onSent(): void {
    this.#handler.onSent?.()
  }

  onHead(status: number, headers: Headers): void {
    const encoding = encodingOf(headers['content-encoding'])
    if (encoding !== null) {
      const decoder = createContentDecoder(encoding)
      if (decoder) this.#decoder = this.#decode(decoder)
      else {
        this.#fail(`the answer is encoded as "${encoding.slice(0, 40)}"`)
        return
      }
    }
    this.#handler.onHead(status, headers)
  }

  onData(chunk: Buffer): void {
    if (this.#ended) return
    if (!this.#decoder) this.#handler.onData(chunk)
    else if (!this.#decoder.write(chunk)) {
      this.#source?.pause()
      this.#decoder.once('drain', () => this.#source?.resume())
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

  #decode(decoder: ContentDecoder): ContentDecoder {
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
    this.abort()
    this.#handler.onFailure(
      new GatewayError('upstream_invalid_response', message, { dispatched: true }),
    )
  }
}
