import type { ChatMessage, ChatRequest, ContentPart, Tool, ToolChoice } from '../../core/chat.ts'
import { GatewayError } from '../../core/errors.ts'
import { isObject, type Json, type JsonObject, without } from '../json.ts'
import { requestRules, scanJson } from '../json-scan.ts'
import { lookAtChat } from './look.ts'
import { decodeToolCall, encodeToolCall } from './tool-call.ts'

/**
 * The whole request in neutral words, for providers that speak another dialect. Throws what `lookAtChat` throws, and
 * `invalid_request` for what nobody could make sense of further in: leaving it out would change what is asked.
 */
export function decodeRequest(body: Uint8Array): ChatRequest {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const look = lookAtChat(bytes, scanJson(bytes, requestRules), true)
  const wire = JSON.parse(bytes.toString('utf8').replace(/^\ufeff/, '')) as JsonObject
  const tokens = wire['max_completion_tokens'] ?? wire['max_tokens']
  const spelling =
    typeof wire['max_completion_tokens'] === 'number' ? 'max_completion_tokens' : 'max_tokens'
  const stop = wire['stop']
  return {
    model: look.model,
    messages: objectsOf(wire['messages'], 'messages').map(decodeMessage),
    stream: look.stream,
    includeUsage: look.includeUsage,
    ...(typeof tokens === 'number' && { maxTokens: { tokens, spelling } }),
    ...number(wire, 'temperature', 'temperature'),
    ...number(wire, 'top_p', 'topP'),
    ...number(wire, 'n', 'choices'),
    ...number(wire, 'seed', 'seed'),
    ...((typeof stop === 'string' || Array.isArray(stop)) && { stop: [stop].flat() as string[] }),
    ...(wire['tools'] != null && { tools: objectsOf(wire['tools'], 'tools').map(decodeTool) }),
    ...(wire['tool_choice'] != null && { toolChoice: decodeToolChoice(wire['tool_choice']) }),
    ...(wire['response_format'] != null && { responseFormat: wire['response_format'] }),
    ...(typeof wire['reasoning_effort'] === 'string' && {
      reasoningEffort: wire['reasoning_effort'],
    }),
    extra: without(wire, known),
  }
}

const known = new Set([
  'model',
  'messages',
  'stream',
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'n',
  'seed',
  'stop',
  'tools',
  'tool_choice',
  'response_format',
  'reasoning_effort',
  'fallbacks',
])

export function encodeRequest(request: ChatRequest): Uint8Array {
  const { extra, maxTokens, messages, includeUsage } = request
  const options = extra['stream_options']
  return Buffer.from(
    JSON.stringify({
      ...(request.model !== null && { model: request.model }),
      messages: messages.map(encodeMessage),
      ...(request.stream && { stream: true }),
      ...(maxTokens && { [maxTokens.spelling]: maxTokens.tokens }),
      temperature: request.temperature,
      top_p: request.topP,
      n: request.choices,
      seed: request.seed,
      stop: request.stop,
      tools: request.tools?.map(({ definition }) => definition),
      tool_choice: request.toolChoice && encodeToolChoice(request.toolChoice),
      response_format: request.responseFormat,
      reasoning_effort: request.reasoningEffort,
      ...extra,
      ...(request.stream &&
        includeUsage && {
          stream_options: { ...(isObject(options) && options), include_usage: true },
        }),
    }),
  )
}

function number<Name extends string>(
  wire: JsonObject,
  from: string,
  to: Name,
): { [key in Name]?: number } {
  const value = wire[from]
  return (typeof value === 'number' ? { [to]: value } : {}) as { [key in Name]?: number }
}

function objectsOf(value: unknown, param: string): readonly JsonObject[] {
  if (!Array.isArray(value)) throw invalid(param, 'a list of objects')
  return value.map((each: unknown, at) => {
    if (!isObject(each)) throw invalid(`${param}[${at}]`, 'an object')
    return each
  })
}

const invalid = (param: string, what: string): GatewayError =>
  new GatewayError('invalid_request', `"${param}" must be ${what}`, { param })

function decodeMessage(wire: JsonObject, at: number): ChatMessage {
  const calls = wire['tool_calls']
  return {
    role: String(wire['role'] ?? ''),
    content: decodeContent(wire['content'], `messages[${at}].content`),
    ...(calls != null && {
      toolCalls: objectsOf(calls, `messages[${at}].tool_calls`).map(decodeToolCall),
    }),
    ...(typeof wire['tool_call_id'] === 'string' && { toolCallId: wire['tool_call_id'] }),
    extra: without(wire, new Set(['role', 'content', 'tool_calls', 'tool_call_id'])),
  }
}

function encodeMessage({ role, content, toolCalls, toolCallId, extra }: ChatMessage): JsonObject {
  return {
    role,
    content: Array.isArray(content)
      ? (content as ContentPart[]).map(encodePart)
      : (content as string | null),
    ...(toolCalls && { tool_calls: toolCalls.map(encodeToolCall) }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
    ...extra,
  }
}

function decodeContent(wire: unknown, param: string): string | readonly ContentPart[] | null {
  if (typeof wire === 'string' || wire === null || wire === undefined) return wire ?? null
  if (!Array.isArray(wire)) throw invalid(param, 'a string or a list of parts')
  return wire.map((part: unknown, at) => decodePart(part, `${param}[${at}]`))
}

/** Some clients write a text among the parts as what it is, a string. */
function decodePart(wire: unknown, param: string): ContentPart {
  if (typeof wire === 'string') return { type: 'text', text: wire, extra: {} }
  if (!isObject(wire)) throw invalid(param, 'an object')
  return wire['type'] === 'text' && typeof wire['text'] === 'string'
    ? { type: 'text', text: wire['text'], extra: without(wire, new Set(['type', 'text'])) }
    : { type: 'other', part: wire }
}

function encodePart(part: ContentPart): Json {
  return part.type === 'text' ? { type: 'text', text: part.text, ...part.extra } : part.part
}

const decodeTool = (wire: JsonObject): Tool => ({
  kind: typeof wire['type'] === 'string' ? wire['type'] : 'function',
  definition: wire,
})

function decodeToolChoice(wire: unknown): ToolChoice {
  if (wire === 'auto' || wire === 'none' || wire === 'required') return { mode: wire }
  if (wire === 'any') return { mode: 'required' }
  if (isObject(wire) && (wire['type'] === 'function' || wire['type'] === 'custom')) {
    const kind = wire['type']
    const named = wire[kind]
    if (isObject(named) && typeof named['name'] === 'string')
      return { mode: 'named', name: named['name'], kind }
  }
  return { mode: 'other', choice: wire }
}

function encodeToolChoice(choice: ToolChoice): unknown {
  if (choice.mode === 'named') return { type: choice.kind, [choice.kind]: { name: choice.name } }
  return choice.mode === 'other' ? choice.choice : choice.mode
}
