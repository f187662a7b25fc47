import type { ChatReply, ReplyChoice } from '../../core/chat.ts'
import { GatewayError } from '../../core/errors.ts'
import { countOf, isObject, type JsonObject, listOf, parseJson, without } from '../json.ts'
import { readContent } from './content.ts'
import { decodeToolCall, encodeToolCall } from './tool-call.ts'
import { decodeUsage, encodeUsage } from './usage.ts'

/** Throws `upstream_invalid_response` for what is no chat completion. */
export function decodeReply(body: Uint8Array): ChatReply {
  const wire = parseJson(Buffer.from(body).toString('utf8'))
  if (!isObject(wire) || !Array.isArray(wire['choices']))
    throw new GatewayError('upstream_invalid_response', 'The provider replied without any choices')
  const usage = decodeUsage(wire['usage'])
  return {
    id: String(wire['id'] ?? ''),
    createdAt: countOf(wire['created']) ?? 0,
    model: String(wire['model'] ?? ''),
    choices: listOf(wire['choices']).filter(isObject).map(decodeChoice),
    ...(usage && { usage }),
    extra: without(wire, known),
  }
}

const known = new Set(['id', 'object', 'created', 'model', 'choices', 'usage'])

function decodeChoice(wire: JsonObject, position: number): ReplyChoice {
  const message = isObject(wire['message']) ? wire['message'] : {}
  const { refusal, tool_calls: calls } = message
  const { text, reasoning } = readContent(message)
  return {
    index: countOf(wire['index']) ?? position,
    content: text,
    ...(typeof refusal === 'string' && { refusal }),
    ...(reasoning !== null && { reasoning }),
    ...(Array.isArray(calls) &&
      calls.length > 0 && { toolCalls: calls.filter(isObject).map(decodeToolCall) }),
    finishReason: String(wire['finish_reason'] ?? 'stop'),
    ...(wire['logprobs'] != null && { logprobs: wire['logprobs'] }),
    extra: without(message, knownInMessage),
  }
}

const knownInMessage = new Set([
  'role',
  'content',
  'refusal',
  'reasoning',
  'reasoning_content',
  'tool_calls',
])

export function encodeReply(reply: ChatReply): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      id: reply.id,
      object: 'chat.completion',
      created: reply.createdAt,
      model: reply.model,
      choices: reply.choices.map(encodeChoice),
      ...(reply.usage && { usage: encodeUsage(reply.usage) }),
      ...reply.extra,
    }),
  )
}

function encodeChoice(choice: ReplyChoice): JsonObject {
  return {
    index: choice.index,
    message: {
      role: 'assistant',
      content: choice.content,
      refusal: choice.refusal ?? null,
      ...(choice.reasoning !== undefined && { reasoning_content: choice.reasoning }),
      ...(choice.toolCalls && { tool_calls: choice.toolCalls.map(encodeToolCall) }),
      ...choice.extra,
    },
    logprobs: choice.logprobs ?? null,
    finish_reason: choice.finishReason,
  }
}
