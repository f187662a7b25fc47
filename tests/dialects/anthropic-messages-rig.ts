import type { ChatMessage, ChatRequest, ToolCall } from '../../src/core/chat.ts'
import type { EncodedRequest } from '../../src/core/dialect.ts'
import { GatewayError } from '../../src/core/errors.ts'
import { anthropicMessages } from '../../src/wire/anthropic-messages/dialect.ts'
import { type AnthropicVariant, ownVariant } from '../../src/wire/anthropic-messages/variant.ts'
import type { JsonObject } from '../../src/wire/json.ts'

export interface Options {
  readonly model?: string
  readonly drop?: boolean
  readonly variant?: AnthropicVariant
  readonly images?: ReadonlyMap<string, { mediaType: string; base64: string }>
}

export const user = (content: ChatMessage['content']): ChatMessage => ({
  role: 'user',
  content,
  extra: {},
})
const base: ChatRequest = {
  model: 'm',
  messages: [user('Hello')],
  stream: false,
  includeUsage: false,
  extra: {},
}

export function encode(request: Partial<ChatRequest>, options: Options = {}): EncodedRequest {
  const dialect = anthropicMessages(options.variant ?? ownVariant)
  return dialect.encodeRequest(
    { ...base, ...request },
    {
      model: options.model ?? 'claude-sonnet-4-5',
      dropUnsupported: options.drop ?? false,
      images: options.images ?? new Map(),
    },
  )
}

export type Body = Readonly<Record<string, unknown>> & { readonly messages: readonly JsonObject[] }
export const say = (request: Partial<ChatRequest>, options?: Options): Body =>
  JSON.parse(Buffer.from(encode(request, options).body).toString()) as Body

export const refusedParam = (
  request: Partial<ChatRequest>,
  options?: Options,
): string | undefined => {
  try {
    encode(request, options)
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.code === 'unsupported_parameter')
      return thrown.facts.param
    throw thrown
  }
  return undefined
}

export const call = (id: string, args: string, name = 'look'): ToolCall => ({
  id,
  name,
  arguments: args,
  kind: 'function',
})
export const calls = (...toolCalls: ToolCall[]): ChatMessage => ({
  role: 'assistant',
  content: null,
  toolCalls,
  extra: {},
})
export const result = (
  toolCallId: string,
  content: ChatMessage['content'],
  extra = {},
): ChatMessage => ({
  role: 'tool',
  content,
  toolCallId,
  extra,
})
export const tool = (name: string, parameters: object, more: object = {}) => ({
  kind: 'function',
  definition: { type: 'function', function: { name, parameters, ...more } },
})
export const closed = { type: 'object', properties: {}, additionalProperties: false }
