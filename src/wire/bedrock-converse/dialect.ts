import type { ChatEvent, ChatReply, ChatRequest } from '../../core/chat.ts'
import type { ProviderDialect } from '../../core/dialect.ts'
import { decodeError } from './error.ts'
import { createDecoder } from './events.ts'
import { decodeReply } from './reply.ts'
import { encodeRequest } from './request.ts'

/** Amazon Bedrock's Converse and ConverseStream. */
export const bedrockConverse: ProviderDialect<ChatRequest, ChatReply, ChatEvent> = {
  name: 'bedrock-converse',
  binaryStream: true,
  encodeRequest,
  decodeReply,
  createDecoder,
  decodeError,
}
