import type { ChatEvent } from '../../core/chat.ts'
import type { ReplyContext, StreamDecoder } from '../../core/dialect.ts'
import { type EventStreamFrame, EventStreamFramer } from '../aws-event-stream.ts'
import { countOf, isObject, type JsonObject, parseJson } from '../json.ts'
import { decodeFrames, type FrameReader } from '../translate/event-decoder.ts'
import { frameError, makesNoSense } from './error.ts'
import { finishReason } from './finish.ts'
import { StreamBlocks } from './stream-blocks.ts'
import { decodeUsage } from './usage.ts'

export const createDecoder = (context: ReplyContext): StreamDecoder<ChatEvent> =>
  decodeFrames(new EventStreamFramer(), new Reader(context))

/** Reads ConverseStream's events, which must come in their order: one that does not is a sign of something lost. */
class Reader implements FrameReader<EventStreamFrame> {
  readonly #context: ReplyContext
  readonly #blocks: StreamBlocks
  #state: 'before' | 'within' | 'after' = 'before'
  #usage: readonly ChatEvent[] = []

  constructor(context: ReplyContext) {
    this.#context = context
    this.#blocks = new StreamBlocks(context)
  }

  get finished(): boolean {
    return this.#state === 'after'
  }

  get done(): boolean {
    return this.finished && this.#usage.length > 0
  }

  rest(): readonly ChatEvent[] {
    return this.#usage
  }

  read(frame: EventStreamFrame): readonly ChatEvent[] {
    const error = frameError(frame)
    if (error) throw error
    const name = frame.headers[':event-type'] ?? ''
    if (!known.has(name)) return []
    const wire = parseJson(frame.payload)
    if (!isObject(wire)) throw makesNoSense('an event that is not JSON')
    switch (name) {
      case 'messageStart':
        return this.#start()
      case 'messageStop':
        return this.#stop(wire)
      case 'metadata': {
        const usage = decodeUsage(wire['usage'])
        if (usage) this.#usage = [{ type: 'usage', usage }]
        return []
      }
      default:
        return this.#block(name, wire)
    }
  }

  #start(): readonly ChatEvent[] {
    if (this.#state !== 'before') throw makesNoSense('a second beginning of its message')
    this.#state = 'within'
    const { createdAt, model } = this.#context
    return [
      { type: 'start', id: `chatcmpl-${this.#context.newId()}`, createdAt, model },
      { type: 'role', choice: 0, role: 'assistant' },
    ]
  }

  #block(name: string, wire: JsonObject): readonly ChatEvent[] {
    if (this.#state !== 'within') throw makesNoSense(`${name} outside of its message`)
    const index = countOf(wire['contentBlockIndex']) ?? 0
    if (name === 'contentBlockStart') return this.#blocks.start(index, wire['start'])
    return name === 'contentBlockDelta'
      ? this.#blocks.delta(index, wire['delta'])
      : this.#blocks.stop(index)
  }

  #stop(wire: JsonObject): readonly ChatEvent[] {
    if (this.#state !== 'within') throw makesNoSense('messageStop outside of its message')
    this.#state = 'after'
    const events = [...this.#blocks.end()]
    const additional = wire['additionalModelResponseFields']
    if (isObject(additional))
      events.push({
        type: 'other-delta',
        choice: 0,
        delta: { additional_model_response_fields: additional },
      })
    const reason = finishReason(wire['stopReason'], this.#blocks.calls > 0)
    events.push({ type: 'finish', choice: 0, reason })
    return events
  }
}

const known = new Set([
  'messageStart',
  'contentBlockStart',
  'contentBlockDelta',
  'contentBlockStop',
  'messageStop',
  'metadata',
])
