import type { ChatEvent, Usage } from '../core/chat.ts'
import type { StreamDecoder } from '../core/dialect.ts'
import { GatewayError } from '../core/errors.ts'
import { openaiChat } from '../wire/openai-chat/dialect.ts'
import {
  type AnswerStream,
  HeldStream,
  type StreamEnd,
  type StreamHooks,
  type StreamOptions,
  type StreamSink,
} from './held-stream.ts'

/** A provider's stream in its own form on its way to the client: read as events, written anew as OpenAI's. */
export class TranslatedStream implements AnswerStream {
  readonly #hooks: StreamHooks
  readonly #out: HeldStream
  readonly #includeUsage: boolean
  readonly #decoder: StreamDecoder<ChatEvent>
  readonly #encoder = openaiChat.events.encoder()
  usage: Usage | null = null
  dataEvents = 0

  constructor(hooks: StreamHooks, options: StreamOptions, decoder: StreamDecoder<ChatEvent>) {
    this.#hooks = hooks
    this.#out = new HeldStream(hooks, options.explain)
    this.#includeUsage = options.includeUsage
    this.#decoder = decoder
  }

  pump(sink: StreamSink): Promise<StreamEnd> {
    return this.#out.pump(sink)
  }

  resume(): void {
    this.#out.resume()
  }

  push(chunk: Buffer): void {
    if (this.#out.ended) return
    this.#take(this.#decoder.push(chunk))
    if (this.#decoder.done) this.end()
  }

  /** The provider closed its side, or has said that nothing more comes. */
  end(): void {
    if (this.#out.ended) return
    this.#take(this.#decoder.end())
    if (this.#out.ended) return
    if (this.#out.holding) this.#out.finish(empty())
    else {
      this.#out.emit(Buffer.from(this.#encoder.end()))
      this.#out.finish(null)
    }
  }

  fail(error: GatewayError): void {
    if (this.#out.ended) return
    // What was told before it broke has been used.
    for (const event of this.#decoder.end()) if (event.type === 'usage') this.usage = event.usage
    this.#out.finish(error)
  }

  #take(events: readonly ChatEvent[]): void {
    if (events.length === 0) return
    let isReal = false
    let error: GatewayError | null = null
    const shown: ChatEvent[] = []
    for (const event of events) {
      if (event.type === 'error') error = event.error
      else if (event.type === 'usage') {
        this.usage = event.usage
        if (this.#includeUsage) shown.push(event)
      } else {
        // An envelope alone is no answer yet: providers send it and then say that they are overloaded.
        if (event.type !== 'start' && event.type !== 'role') isReal = true
        if (event.type.endsWith('-delta')) this.dataEvents++
        shown.push(event)
      }
    }
    try {
      const text = this.#encoder.push(shown)
      if (text) this.#out.emit(Buffer.from(text))
      if (isReal) this.#hooks.onEvent()
      if (isReal && this.#out.holding) this.#out.ready()
      this.#out.flush()
    } catch (thrown) {
      this.#out.dropUnsent()
      this.#out.finish(GatewayError.from(thrown))
    }
    if (error) this.#out.finish(error)
  }
}

const empty = (): GatewayError =>
  new GatewayError('upstream_invalid_response', 'the provider ended the stream without an answer', {
    dispatched: true,
  })
