import type { Usage } from '../core/chat.ts'
import { GatewayError } from '../core/errors.ts'
import type { ChatOperation } from '../providers/adapter.ts'
import { doneFrame, truncated } from '../wire/openai-chat/events.ts'
import { StreamMeter } from '../wire/openai-chat/stream-meter.ts'
import { type SseEvent, SseFramer } from '../wire/sse.ts'

/** Where a stream's bytes go. */
export interface StreamSink {
  /** False asks for a pause, until `resume` is called on the stream. */
  write(bytes: Uint8Array): boolean
}

export interface StreamEnd {
  /** Null where the stream is whole. */
  readonly error: GatewayError | null
}

export interface RelayHooks {
  /** The first real event is in hand: from here on there is no other target. */
  onReady(): void
  /** A data event went through. */
  onEvent(): void
  /** Nothing more is wanted from the provider. */
  onFinished(end: StreamEnd): void
  onPause(): void
  onResume(): void
}

const LF = 10
const CR = 13
const heldBytesAtMost = 1024 * 1024

/**
 * A provider's stream on its way to the client: bytes through, cut only at the borders of events, and held back
 * until the first event that is real, so that what fails earlier can still be told with a proper status.
 */
export class RelayStream {
  readonly meter: StreamMeter
  readonly #framer = new SseFramer()
  readonly #hooks: RelayHooks
  readonly #includeUsage: boolean
  readonly #corrections: ChatOperation['corrections']
  readonly #explain: (error: GatewayError) => GatewayError
  #held: Uint8Array[] = []
  #heldBytes = 0
  #pausedFull = false
  #lineFeedSent = false
  #state: 'holding' | 'ready' | 'flowing' | 'ended' = 'holding'
  #end: StreamEnd | null = null
  #sink: StreamSink | null = null
  #resolve: ((end: StreamEnd) => void) | null = null
  /** Events next to each other in memory leave in one write. */
  #run: Uint8Array | null = null

  constructor(
    hooks: RelayHooks,
    options: {
      readonly includeUsage: boolean
      readonly choices: number
      readonly corrections: ChatOperation['corrections']
      /** Words for the client what comes after the first event; an earlier error is still the attempt's. */
      readonly explain: (error: GatewayError) => GatewayError
    },
  ) {
    this.#hooks = hooks
    this.#includeUsage = options.includeUsage
    this.#corrections = options.corrections
    this.#explain = options.explain
    this.meter = new StreamMeter(options.choices > 1 || options.corrections !== undefined)
  }

  get usage(): Usage | null {
    return this.meter.usage
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

  push(chunk: Buffer): void {
    if (this.#state === 'ended') return
    try {
      for (const event of this.#framer.push(chunk)) {
        this.#take(event)
        if (this.#isOver()) return
      }
      this.#flush()
    } catch (thrown) {
      this.#run = null
      this.fail(GatewayError.from(thrown))
    }
  }

  /** The provider closed its side. */
  end(): void {
    if (this.#isOver()) return
    try {
      const last = this.#framer.end()
      if (last) this.#take(last)
      this.#flush()
    } catch (thrown) {
      this.#run = null
      this.fail(GatewayError.from(thrown))
    }
    if (this.#isOver()) return
    if (this.#state === 'holding' || !this.meter.finished) this.fail(truncated())
    else {
      this.#emit(Buffer.from(doneFrame))
      this.#finish(null)
    }
  }

  fail(error: GatewayError): void {
    if (this.#isOver()) return
    this.#flush()
    this.#finish(error)
  }

  #isOver(): boolean {
    return this.#state === 'ended'
  }

  #take(event: SseEvent): void {
    const raw = this.#mended(event.raw)
    const sighting = this.meter.see(event.data, event.name)
    if (sighting instanceof GatewayError) this.fail(sighting)
    else if (sighting === 'nothing') this.#emit(raw)
    else if (sighting === 'usage') {
      if (this.#includeUsage) this.#emit(raw)
    } else if (sighting === 'data') {
      this.#hooks.onEvent()
      this.#emit(this.#corrected(raw))
      if (this.#state === 'holding') {
        // First, since what is held may be as large as the one event that ends the holding.
        this.#state = 'ready'
        this.#flush()
        this.#hooks.onReady()
      }
    } else if (this.#state === 'holding') this.fail(truncated())
    else {
      this.#emit(raw)
      this.#finish(null)
    }
  }

  /**
   * A cut between the last CR and its LF leaves the LF to the next event, which may be dropped or never come: it is
   * sent at once instead, and left out there.
   */
  #mended(raw: Uint8Array): Uint8Array {
    const rest = this.#lineFeedSent && raw[0] === LF ? raw.subarray(1) : raw
    this.#lineFeedSent = rest.at(-1) === CR && rest.at(-2) === LF && rest.at(-3) === CR
    return this.#lineFeedSent ? Buffer.concat([rest, Buffer.of(LF)]) : rest
  }

  #corrected(raw: Uint8Array): Uint8Array {
    const wire = this.meter.read
    const better = wire && this.#corrections?.chunk(wire)
    return better ? Buffer.from(`data: ${JSON.stringify(better)}\n\n`) : raw
  }

  #finish(error: GatewayError | null): void {
    this.#flush()
    const end = { error: error && this.#state !== 'holding' ? this.#explain(error) : error }
    this.#end = end
    this.#state = 'ended'
    this.#hooks.onFinished(end)
    this.#resolve?.(end)
  }

  #emit(raw: Uint8Array): void {
    const run = this.#run
    if (run && run.buffer === raw.buffer && run.byteOffset + run.length === raw.byteOffset)
      this.#run = Buffer.from(run.buffer, run.byteOffset, run.length + raw.length)
    else {
      this.#flush()
      this.#run = raw
    }
  }

  #flush(): void {
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

  #write(bytes: Uint8Array): boolean {
    if (!this.#sink || this.#sink.write(bytes)) return true
    this.#hooks.onPause()
    return false
  }
}
