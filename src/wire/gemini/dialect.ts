import type { ChatEvent, ChatReply, ChatRequest } from '../../core/chat.ts'
import type { ProviderDialect } from '../../core/dialect.ts'
import { decodeFrames } from '../translate/event-decoder.ts'
import { AnswerFramer } from './answer-framer.ts'
import { AnswerReader } from './answer-reader.ts'
import { decodeError } from './error.ts'
import type { GeminiApi } from './model-traits.ts'
import { decodeReply } from './reply.ts'
import { encodeRequest } from './request.ts'

/** Gemini's `generateContent`, of Google's own API or of Google Cloud's. */
export const geminiContent = (
  api: GeminiApi,
): ProviderDialect<ChatRequest, ChatReply, ChatEvent> => ({
  name: api === 'gemini' ? 'gemini' : 'vertex-gemini',
  encodeRequest: (request, options) => encodeRequest(request, options, api),
  decodeReply,
  createDecoder: (context) => decodeFrames(new AnswerFramer(), new AnswerReader(context)),
  decodeError,
})
