import type { ChatRequest } from '../../core/chat.ts'
import type { EncodedRequest, EncodeOptions } from '../../core/dialect.ts'
import { readConversation } from '../translate/conversation.ts'
import { Omissions } from '../translate/omissions.ts'
import { encodeConversation } from './messages.ts'
import { encodeParameters } from './parameters.ts'
import { encodeTools } from './tools.ts'

/** Throws `unsupported_parameter` for what Bedrock cannot be told. The model's name is in the address, not here. */
export function encodeRequest(
  request: ChatRequest,
  { model, dropUnsupported, images }: EncodeOptions,
): EncodedRequest {
  const omissions = new Omissions('Amazon Bedrock', dropUnsupported)
  const conversation = readConversation(request.messages, omissions)
  const { system, messages, called, lacksThoughts } = encodeConversation(conversation, {
    images,
    omissions,
    names: new Set(),
  })
  const tools = encodeTools(request, model, called, omissions)
  const { toolConfig, textFormat, answerTool, instruction } = tools
  const obstacle = tools.forcesTool ? 'forced tool' : lacksThoughts ? 'lost thoughts' : null
  const maxTokens = request.maxTokens?.tokens ?? null
  const { fields, effort } = encodeParameters(request, { model, maxTokens, obstacle }, omissions)
  const outputConfig = { ...(textFormat && { textFormat }), ...(effort !== null && { effort }) }
  const instructions = instruction === null ? system : [...system, { text: instruction }]
  const body = {
    messages,
    ...(instructions.length > 0 && { system: instructions }),
    ...(toolConfig && { toolConfig }),
    ...(Object.keys(outputConfig).length > 0 && { outputConfig }),
    ...fields,
  }
  return { body: Buffer.from(JSON.stringify(body)), dropped: omissions.dropped, answerTool }
}
