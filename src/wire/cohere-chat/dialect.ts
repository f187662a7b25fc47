import type { ChatEvent, ChatReply, ChatRequest } from '../../core/chat.ts'
import type { ProviderDialect } from '../../core/dialect.ts'
import { decodeError } from './error.ts'
import { createDecoder } from './events.ts'
import { decodeReply } from './reply.ts'
import { encodeRequest } from './request.ts'

/** Cohere's chat, version 2. */
export const cohereChat: ProviderDialect<ChatRequest, ChatReply, ChatEvent> = {
  name: 'cohere-chat',
  encodeRequest,
  decodeReply,
  createDecoder,
  decodeError,
}
