import type { ChatEvent, ChatReply, ChatRequest } from '../../core/chat.ts'
import type { ProviderDialect } from '../../core/dialect.ts'
import { decodeError } from './error.ts'
import { createDecoder } from './events.ts'
import { decodeReply } from './reply.ts'
import { encodeRequest } from './request.ts'
import { type AnthropicVariant, ownVariant } from './variant.ts'

/** Anthropic's Messages, as the provider itself speaks them or a cloud that serves its models. */
export function anthropicMessages(
  variant: AnthropicVariant = ownVariant,
): ProviderDialect<ChatRequest, ChatReply, ChatEvent> {
  return {
    name: 'anthropic-messages',
    encodeRequest: (request, options) => encodeRequest(request, options, variant),
    decodeReply,
    createDecoder,
    decodeError,
  }
}
