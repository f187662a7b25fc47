import type { Usage } from '../core/chat.ts'
import { GatewayError } from '../core/errors.ts'

/** Where a stream's bytes go. */
export interface StreamSink {
  /** False asks for a pause, until `resume` is called on the stream. */
  write(bytes: Uint8Array): boolean
}

export interface StreamEnd {
  /** Null where the stream is whole. */
  readonly error: GatewayError | null
}

export interface StreamHooks {
  /** The first real event is in hand: from here on there is no other target. */
  onReady(): void
  /** A data event went through. */
  onEvent(): void
  /** Nothing more is wanted from the provider. */
  onFinished(end: StreamEnd): void
  onPause(): void
  onResume(): void
}

/** A stream on its way from the provider to the client. */
export interface AnswerStream {
  /** What the provider told so far. */
  readonly usage: Usage | null
  /** Events that carried something: all there is to count where a provider gives no usage. */
  readonly dataEvents: number
  push(chunk: Buffer): void
  end(): void
  fail(error: GatewayError): void
  /** Sends what was held and then all that comes. Resolves when the stream is over, well or not. */
  pump(sink: StreamSink): Promise<StreamEnd>
  resume(): void
}

export interface StreamOptions {
  /** Whether the client is shown the usage. */
  readonly includeUsage: boolean
  readonly choices: number
  readonly explain: (error: GatewayError) => GatewayError
}

const heldBytesAtMost = 1024 * 1024

/**
 * The way of a stream's bytes to the client: held back until the first event that is real, so that what fails earlier
 * can still be told with a proper status, and under back-pressure afterwards.
 */
export class HeldStream {
  readonly #hooks: StreamHooks
  readonly #explain: (error: GatewayError) => GatewayError
  #held: Uint8Array[] = []
  #heldBytes = 0
  #pausedFull = false
  #state: 'holding' | 'ready' | 'flowing' | 'ended' = 'holding'
  #end: StreamEnd | null = null
  #sink: StreamSink | null = null
  #resolve: ((end: StreamEnd) => void) | null = null
  /** Events next to each other in memory leave in one write. */
  #run: Uint8Array | null = null

  /** `explain` words for the client what comes after the first event; an earlier error is still the attempt's. */
  constructor(hooks: StreamHooks, explain: (error: GatewayError) => GatewayError) {
    this.#hooks = hooks
    this.#explain = explain
  }

  get holding(): boolean {
    return this.#state === 'holding'
  }

  get ended(): boolean {
    return this.#state === 'ended'
  }

  /** Sends what was held and then all that comes. Resolves when the stream is over, well or not. */
  pump(sink: StreamSink): Promise<StreamEnd> {
    this.#sink = sink
    const taken = this.#held.map((bytes) => this.#write(bytes))
    this.#held = []
    this.#heldBytes = 0
    if (this.#pausedFull && taken.every(Boolean)) this.#hooks.onResume()
    if (this.#end) return Promise.resolve(this.#end)
    this.#state = 'flowing'
    return new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  resume(): void {
    if (this.#state !== 'ended') this.#hooks.onResume()
  }

  emit(raw: Uint8Array): void {
    const run = this.#run
    if (run && run.buffer === raw.buffer && run.byteOffset + run.length === raw.byteOffset)
      this.#run = Buffer.from(run.buffer, run.byteOffset, run.length + raw.length)
    else {
      this.flush()
      this.#run = raw
    }
  }

  /** The event that ends the holding is among what was emitted. */
  ready(): void {
    // First, since what is held may be as large as the one event that ends the holding.
    this.#state = 'ready'
    this.flush()
    this.#hooks.onReady()
  }

  flush(): void {
    if (!this.#run) return
    const bytes = this.#run
    this.#run = null
    if (this.#sink) this.#write(bytes)
    else {
      this.#held.push(bytes)
      this.#heldBytes += bytes.length
      if (this.#heldBytes <= heldBytesAtMost) return
      if (this.#state === 'holding')
        throw new GatewayError(
          'upstream_invalid_response',
          'the provider sent a megabyte without anything real in it',
        )
      this.#pausedFull = true
      this.#hooks.onPause()
    }
  }

  /** What was emitted and not flushed is not sent. */
  dropUnsent(): void {
    this.#run = null
  }

  finish(error: GatewayError | null): void {
    if (this.#state === 'ended') return
    this.flush()
    const end = { error: error && this.#state !== 'holding' ? this.#explain(error) : error }
    this.#end = end
    this.#state = 'ended'
    this.#hooks.onFinished(end)
    this.#resolve?.(end)
  }

  #write(bytes: Uint8Array): boolean {
    if (!this.#sink || this.#sink.write(bytes)) return true
    this.#hooks.onPause()
    return false
  }
}
