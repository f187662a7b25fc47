import type { Usage } from '../core/chat.ts'
import type { Headers, ReplyContext } from '../core/dialect.ts'
import type { GatewayError } from '../core/errors.ts'
import type { ChatDialect, ChatOperation } from '../providers/adapter.ts'
import { replyToEvents } from '../wire/openai-chat/convert.ts'
import { openaiChat } from '../wire/openai-chat/dialect.ts'
import type { AnswerStream, StreamHooks, StreamOptions } from './held-stream.ts'
import { RelayStream } from './relay-stream.ts'
import { type ReplyBody, readReplyBody, streamOfReply } from './reply-body.ts'
import { TranslatedStream } from './translated-stream.ts'

/** What a provider's answer is made of, and how it becomes the caller's. */
export interface Form {
  /** Its streams are no text, so that their first byte tells nothing. */
  readonly isBinary: boolean
  openStream(hooks: StreamHooks, options: StreamOptions): AnswerStream
  /** A whole reply, as the caller gets it. Throws where it is none. */
  readReply(body: Buffer): ReplyBody
  /** A whole reply as the stream that was asked for. */
  replyAsStream(
    body: Buffer,
    includeUsage: boolean,
  ): { readonly bytes: Buffer; readonly usage: Usage | null }
  decodeError(status: number, headers: Headers, body: Uint8Array, now: number): GatewayError
}

/** OpenAI's own form: bytes through, but for what deviates. */
export const relayed = (corrections: ChatOperation['corrections']): Form => ({
  isBinary: false,
  openStream: (hooks, options) => new RelayStream(hooks, options, corrections),
  readReply: (body) => readReplyBody(body, corrections),
  replyAsStream: (body, includeUsage) => streamOfReply(body, corrections, includeUsage),
  decodeError: openaiChat.error.decode,
})

/** Any other: read into neutral words and written as OpenAI's. */
export function translated(dialect: ChatDialect, context: ReplyContext): Form {
  return {
    isBinary: dialect.binaryStream ?? false,
    openStream: (hooks, options) =>
      new TranslatedStream(hooks, options, dialect.createDecoder(context)),
    readReply(body) {
      const reply = dialect.decodeReply(body, context)
      return { body: Buffer.from(openaiChat.reply.encode(reply)), usage: reply.usage ?? null }
    },
    replyAsStream(body, includeUsage) {
      const reply = dialect.decodeReply(body, context)
      const events = replyToEvents(reply)
      const encoder = openaiChat.events.encoder()
      const shown = includeUsage ? events : events.filter(({ type }) => type !== 'usage')
      const text = encoder.push(shown) + encoder.end()
      return { bytes: Buffer.from(text), usage: reply.usage ?? null }
    },
    decodeError: dialect.decodeError,
  }
}
