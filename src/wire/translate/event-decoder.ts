import type { ChatEvent } from '../../core/chat.ts'
import type { StreamDecoder } from '../../core/dialect.ts'
import { GatewayError } from '../../core/errors.ts'
import { type SseEvent, SseFramer } from '../sse.ts'
import { ListMembers } from './list-members.ts'

/** Cuts a provider's bytes into its frames. Both throw `upstream_invalid_response` for what are none. */
export interface Framer<Frame> {
  push(chunk: Uint8Array): Iterable<Frame>
  /** What stands in the buffer when the provider closes; null: nothing. */
  end(): Frame | null
}

/** Reads a provider's frames. Everything that holds for all providers is `decodeFrames`'. */
export interface FrameReader<Frame> {
  /** Throws the provider's own error, and `upstream_invalid_response`. */
  read(frame: Frame): readonly ChatEvent[]
  /** Whether the provider has said all it wanted to: an end before is a cut. */
  readonly finished: boolean
  /** Whether nothing more can come, not even usage, so that nobody need wait for the connection to close. */
  readonly done?: boolean
  /** What is still to be said at the end, whole or broken: the finish where it waited for something, the usage. */
  rest(): readonly ChatEvent[]
}

/** A decoder that never throws, says at most one error, and nothing after it. */
export function decodeFrames<Frame>(
  framer: Framer<Frame>,
  reader: FrameReader<Frame>,
): StreamDecoder<ChatEvent> {
  return new FrameDecoder(framer, reader)
}

export const decodeServerSentEvents = (reader: FrameReader<SseEvent>): StreamDecoder<ChatEvent> =>
  decodeFrames(new SseFramer(), reader)

class FrameDecoder<Frame> implements StreamDecoder<ChatEvent> {
  readonly #framer: Framer<Frame>
  readonly #reader: FrameReader<Frame>
  readonly #lists = new ListMembers()
  #over = false

  constructor(framer: Framer<Frame>, reader: FrameReader<Frame>) {
    this.#framer = framer
    this.#reader = reader
  }

  push(chunk: Uint8Array): readonly ChatEvent[] {
    if (this.#over) return []
    return this.#read(function* (framer) {
      yield* framer.push(chunk)
    })
  }

  get done(): boolean {
    return !this.#over && (this.#reader.done ?? false)
  }

  end(): readonly ChatEvent[] {
    if (this.#over) return []
    const events = this.#read(function* (framer, reader) {
      // What follows the last word, whole or cut, says nothing.
      const last = reader.done ? null : framer.end()
      if (last !== null) yield last
    })
    if (this.#over) return events
    this.#over = true
    return this.#reader.finished
      ? [...events, ...this.#lists.inOrder(this.#reader.rest()), ...this.#lists.rest()]
      : [...events, ...this.#failure(truncated())]
  }

  #read(
    frames: (framer: Framer<Frame>, reader: FrameReader<Frame>) => Iterable<Frame>,
  ): readonly ChatEvent[] {
    const events: ChatEvent[] = []
    try {
      for (const frame of frames(this.#framer, this.#reader))
        events.push(...this.#reader.read(frame))
      return this.#lists.inOrder(events)
    } catch (thrown) {
      this.#over = true
      return [...this.#lists.inOrder(events), ...this.#failure(thrown)]
    }
  }

  #failure(thrown: unknown): readonly ChatEvent[] {
    const usage = this.#reader.rest().filter(({ type }) => type === 'usage')
    const error = GatewayError.from(
      thrown,
      'upstream_invalid_response',
      'the provider sent an event that makes no sense',
    )
    return [...this.#lists.rest(), ...usage, { type: 'error', error }]
  }
}

const truncated = (): GatewayError =>
  new GatewayError(
    'upstream_stream_truncated',
    'the provider ended the stream before it was finished',
  )
