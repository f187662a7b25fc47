import type { ChatReply, ReplyChoice, ToolCall } from '../../core/chat.ts'
import type { ReplyContext } from '../../core/dialect.ts'
import { isObject, type JsonObject, listOf, parseJson } from '../json.ts'
import { annotationOf } from './citations.ts'
import { errorInside, makesNoSense } from './error.ts'
import { finishReason } from './finish.ts'
import { detailOf, readThought } from './reasoning-details.ts'
import { decodeUsage } from './usage.ts'

/** Throws `upstream_invalid_response` for what is no reply, and the provider's own error where it is one. */
export function decodeReply(body: Uint8Array, context: ReplyContext): ChatReply {
  const wire = parseJson(Buffer.from(body).toString('utf8'))
  const output = isObject(wire) ? wire['output'] : undefined
  const message = isObject(output) ? output['message'] : undefined
  if (!isObject(wire) || !isObject(message))
    throw errorInside(wire) ?? makesNoSense('a reply without a message')
  const usage = decodeUsage(wire['usage'])
  return {
    id: `chatcmpl-${context.newId()}`,
    createdAt: context.createdAt,
    model: context.model,
    choices: [readChoice(message, wire, context)],
    ...(usage && { usage }),
    extra: {},
  }
}

interface Reading {
  text: string
  reasoning: string
  /** Null until the tool that stands for the answer was called. */
  answer: string | null
  readonly calls: ToolCall[]
  readonly details: JsonObject[]
  readonly annotations: JsonObject[]
}

function readChoice(message: JsonObject, wire: JsonObject, context: ReplyContext): ReplyChoice {
  const reading: Reading = {
    text: '',
    reasoning: '',
    answer: null,
    calls: [],
    details: [],
    annotations: [],
  }
  for (const block of listOf(message['content']).filter(isObject)) read(block, reading, context)
  const { answer, calls, details, annotations } = reading
  // What is said beside the answer is no part of it: it would no longer be JSON.
  const content = answer ?? reading.text
  const reasoning = answer === null ? reading.reasoning : reading.reasoning + reading.text
  const additional = wire['additionalModelResponseFields']
  return {
    index: 0,
    content: content === '' && calls.length > 0 ? null : content,
    ...(reasoning && { reasoning }),
    ...(calls.length > 0 && { toolCalls: calls }),
    finishReason: finishReason(wire['stopReason'], calls.length > 0),
    extra: {
      ...(details.length > 0 && { reasoning_details: details }),
      ...(annotations.length > 0 && answer === null && { annotations }),
      ...(isObject(additional) && { additional_model_response_fields: additional }),
    },
  }
}

function read(block: JsonObject, reading: Reading, context: ReplyContext): void {
  if (typeof block['text'] === 'string') reading.text += block['text']
  else if (isObject(block['citationsContent'])) readCited(block['citationsContent'], reading)
  else if (isObject(block['toolUse'])) readToolUse(block['toolUse'], reading, context)
  else if (isObject(block['reasoningContent'])) {
    const { text, signature, redacted } = readThought(block['reasoningContent'])
    reading.reasoning += text
    const detail = detailOf(text, signature, redacted, reading.details.length)
    if (detail) reading.details.push(detail)
  }
}

function readCited(wire: JsonObject, reading: Reading): void {
  const start = reading.text.length
  for (const part of listOf(wire['content']).filter(isObject))
    if (typeof part['text'] === 'string') reading.text += part['text']
  for (const citation of listOf(wire['citations'])) {
    const annotation = annotationOf(citation, start, reading.text.length)
    if (annotation) reading.annotations.push(annotation)
  }
}

function readToolUse(wire: JsonObject, reading: Reading, context: ReplyContext): void {
  const { toolUseId: id, name, input } = wire
  // Run by the provider itself, whose results are in the answer already.
  if (isServerTool(wire)) return
  const text = JSON.stringify(input ?? {})
  if (name === context.answerTool) {
    reading.answer ??= text
    return
  }
  const taken = reading.calls.some((call) => call.id === id)
  reading.calls.push({
    id: typeof id === 'string' && id && !taken ? id : `call_${context.newId()}`,
    name: String(name ?? ''),
    arguments: text,
    kind: 'function',
  })
}

export const isServerTool = (toolUse: JsonObject): boolean => toolUse['type'] === 'server_tool_use'
