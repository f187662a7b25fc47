import type { ChatRequest } from '../../core/chat.ts'
import type { EncodedRequest, EncodeOptions } from '../../core/dialect.ts'
import type { JsonObject } from '../json.ts'
import { type Conversation, readConversation } from '../translate/conversation.ts'
import { Omissions } from '../translate/omissions.ts'
import { encodeContents } from './contents.ts'
import { encodeParameters } from './generation-config.ts'
import { type GeminiApi, readModelTraits } from './model-traits.ts'
import { encodeTools } from './tools.ts'

/** The body of `generateContent` and `streamGenerateContent`, which is the same. */
export function encodeRequest(
  request: ChatRequest,
  { model, dropUnsupported, images }: EncodeOptions,
  api: GeminiApi,
): EncodedRequest {
  const omissions = new Omissions(api === 'gemini' ? 'Gemini' : 'Vertex AI', dropUnsupported)
  const traits = readModelTraits(model)
  const conversation = readConversation(request.messages, omissions)
  const parameters = encodeParameters(request, api, traits, omissions)
  const tools = encodeTools(request, traits, parameters.isSearchAsked, omissions)
  const { contents, systemInstruction } = encodeContents(
    instructed(conversation, tools.instruction),
    { api, traits, images },
    omissions,
  )
  const generationConfig = { ...tools.format, ...parameters.generationConfig }
  const toolConfig = {
    ...parameters.toolConfig,
    ...(tools.functionCallingConfig && { functionCallingConfig: tools.functionCallingConfig }),
  }
  const body = {
    contents,
    ...(systemInstruction && { systemInstruction }),
    ...(tools.tools.length > 0 && { tools: tools.tools }),
    ...(isFilled(toolConfig) && { toolConfig }),
    ...(isFilled(generationConfig) && { generationConfig }),
    ...parameters.beside,
  }
  return {
    body: Buffer.from(JSON.stringify(body)),
    dropped: omissions.dropped,
    answerTool: tools.answerTool,
  }
}

function instructed(conversation: Conversation, text: string | null): Conversation {
  if (text === null) return conversation
  const instruction = { kind: 'text' as const, text, extra: {}, at: 'response_format' }
  return { ...conversation, instructions: [...conversation.instructions, instruction] }
}

const isFilled = (source: JsonObject): boolean => Object.keys(source).length > 0
