import type { Usage } from '../core/chat.ts'
import { GatewayError } from '../core/errors.ts'
import type { ChatOperation } from '../providers/adapter.ts'
import type { StreamCorrection } from '../providers/corrections-of-row.ts'
import type { JsonObject } from '../wire/json.ts'
import { doneFrame, truncated } from '../wire/openai-chat/events.ts'
import { StreamMeter } from '../wire/openai-chat/stream-meter.ts'
import { type SseEvent, SseFramer } from '../wire/sse.ts'
import {
  type AnswerStream,
  HeldStream,
  type StreamEnd,
  type StreamHooks,
  type StreamOptions,
  type StreamSink,
} from './held-stream.ts'

const LF = 10
const CR = 13

/** A provider's stream in OpenAI's own form on its way to the client: bytes through, cut only at the borders of events. */
export class RelayStream implements AnswerStream {
  readonly #meter: StreamMeter
  readonly #framer = new SseFramer()
  readonly #hooks: StreamHooks
  readonly #out: HeldStream
  readonly #includeUsage: boolean
  /** Null where the bytes pass as they are. */
  readonly #corrector: StreamCorrection | null
  #lineFeedSent = false

  constructor(
    hooks: StreamHooks,
    options: StreamOptions,
    corrections: ChatOperation['corrections'],
  ) {
    this.#hooks = hooks
    this.#out = new HeldStream(hooks, options.explain)
    this.#includeUsage = options.includeUsage
    this.#corrector = corrections?.openStream() ?? null
    this.#meter = new StreamMeter(options.choices > 1 || corrections?.everyChunk === true)
  }

  get usage(): Usage | null {
    return this.#meter.usage
  }

  get dataEvents(): number {
    return this.#meter.dataEvents
  }

  pump(sink: StreamSink): Promise<StreamEnd> {
    return this.#out.pump(sink)
  }

  resume(): void {
    this.#out.resume()
  }

  push(chunk: Buffer): void {
    if (this.#out.ended) return
    try {
      for (const event of this.#framer.push(chunk)) {
        this.#take(event)
        if (this.#out.ended) return
      }
      this.#out.flush()
    } catch (thrown) {
      this.#out.dropUnsent()
      this.fail(GatewayError.from(thrown))
    }
  }

  /** The provider closed its side. */
  end(): void {
    if (this.#out.ended) return
    try {
      const last = this.#framer.end()
      if (last) this.#take(last)
      this.#out.flush()
    } catch (thrown) {
      this.#out.dropUnsent()
      this.fail(GatewayError.from(thrown))
    }
    if (this.#out.ended) return
    if (this.#out.holding || !this.#meter.finished) this.fail(truncated())
    else {
      this.#emitOwed()
      this.#out.emit(Buffer.from(doneFrame))
      this.#out.finish(null)
    }
  }

  fail(error: GatewayError): void {
    this.#out.finish(error)
  }

  #take(event: SseEvent): void {
    const raw = this.#mended(event.raw)
    const sighting = this.#meter.see(event.data, event.name)
    if (sighting instanceof GatewayError) this.fail(sighting)
    else if (sighting === 'nothing') this.#out.emit(raw)
    else if (sighting === 'usage') {
      const bytes = this.#corrected(raw)
      if (bytes && this.#includeUsage) this.#out.emit(bytes)
    } else if (sighting === 'data') {
      this.#hooks.onEvent()
      const bytes = this.#corrected(raw)
      if (bytes) this.#out.emit(bytes)
      if (this.#out.holding) this.#out.ready()
    } else if (this.#out.holding) this.fail(truncated())
    else {
      this.#emitOwed()
      this.#out.emit(raw)
      this.#out.finish(null)
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

  /** Null where the event says nothing that was not said before. */
  #corrected(raw: Uint8Array): Uint8Array | null {
    const wire = this.#meter.read
    const better = wire ? (this.#corrector?.correct(wire) ?? 'same') : 'same'
    return better === 'same' ? raw : better === 'nothing' ? null : frameOf(better)
  }

  /** A usage that stood beside something else is told where it belongs: last, to who asked for it. */
  #emitOwed(): void {
    const owed = this.#corrector?.owed
    if (owed && this.#includeUsage) this.#out.emit(frameOf(owed))
  }
}

const frameOf = (wire: JsonObject): Uint8Array => Buffer.from(`data: ${JSON.stringify(wire)}\n\n`)
