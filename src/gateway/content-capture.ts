import type { RequestLogConfig } from '../config/config.ts'
import type { Call, CallContent } from '../core/call.ts'
import type { Principal } from '../core/principal.ts'
import { seeReply, watchReply } from '../observability/reply-traits.ts'
import type { StreamSink } from './held-stream.ts'

const heldAtMost = 64 * 1024 * 1024
/** Of one stream; its events take many times the room of what they say. */
const streamBytesAtMost = 1024 * 1024

/** Keeps what is said in calls until they are settled, where it is to be kept at all; within a bound for all together. */
export class ContentCapture {
  #heldBytes = 0

  /** For a call whose caller is known, before anything of it is read. */
  begin(call: Call, principal: Principal, { enabled, content }: RequestLogConfig): void {
    if (!enabled || content === 'none') return
    call.content = principal.logContent
      ? {
          errorsOnly: content === 'errors',
          request: null,
          reply: [],
          replyForm: 'json',
          replyBytes: 0,
          isLost: false,
        }
      : 'private'
  }

  /** The bytes are the caller's own and are not changed any more. */
  request({ content }: Call, bytes: Uint8Array): void {
    if (typeof content === 'object') content.request = bytes
  }

  reply({ content, trace }: Call, bytes: Uint8Array, form: CallContent['replyForm']): void {
    if (trace) seeReply(trace, bytes, form)
    if (typeof content !== 'object') return
    content.replyForm = form
    content.replyBytes = bytes.length
    content.reply.push(bytes)
  }

  /** The way of a stream's bytes to its client, with a copy of them. */
  stream({ content, trace }: Call, sink: StreamSink): StreamSink {
    const watch = trace && watchReply(trace)
    if (typeof content !== 'object' && !watch) return sink
    if (typeof content === 'object') content.replyForm = 'events'
    return {
      write: (bytes) => {
        watch?.(bytes)
        if (typeof content === 'object') this.#copy(content, bytes)
        return sink.write(bytes)
      },
    }
  }

  /** Nothing of it is needed any more. */
  release({ content }: Call): void {
    if (typeof content === 'object' && content.replyForm === 'events')
      for (const piece of content.reply) this.#heldBytes -= piece.length
  }

  #copy(content: CallContent, bytes: Uint8Array): void {
    content.replyBytes += bytes.length
    const isTooLong = content.replyBytes > streamBytesAtMost
    if (isTooLong || content.isLost) return
    if (this.#heldBytes + bytes.length > heldAtMost) {
      content.isLost = true
      return
    }
    this.#heldBytes += bytes.length
    // The given ones are a small part of what was read at once, which would be kept whole.
    content.reply.push(new Uint8Array(bytes))
  }
}
