import type { ChatEvent, ChatReply, ChatRequest } from '../../core/chat.ts'
import type { Dialect } from '../../core/dialect.ts'
import { decodeError, encodeError } from './error.ts'
import { createDecoder, createEncoder } from './events.ts'
import { decodeReply, encodeReply } from './reply.ts'
import { decodeRequest, encodeRequest } from './request.ts'

export const openaiChat: Dialect<ChatRequest, ChatReply, ChatEvent> = {
  name: 'openai-chat',
  request: { decode: decodeRequest, encode: encodeRequest },
  reply: { decode: decodeReply, encode: encodeReply },
  events: { decoder: createDecoder, encoder: createEncoder },
  error: { decode: decodeError, encode: encodeError },
}
