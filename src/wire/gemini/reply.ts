import type { ChatEvent, ChatReply, ReplyChoice, ToolCall, Usage } from '../../core/chat.ts'
import type { ReplyContext } from '../../core/dialect.ts'
import { GatewayError } from '../../core/errors.ts'
import { isObject, type JsonObject } from '../json.ts'
import { AnswerReader } from './answer-reader.ts'

/** Throws `upstream_invalid_response`, and the provider's own error where it sent one. */
export function decodeReply(body: Uint8Array, context: ReplyContext): ChatReply {
  const reader = new AnswerReader(context)
  const events = [...reader.read(Buffer.from(body).toString('utf8'))]
  if (!reader.begun)
    throw new GatewayError('upstream_invalid_response', 'the provider replied without candidates')
  events.push(...reader.rest())
  return gather(events)
}

type ChoiceEvent = Exclude<ChatEvent, { type: 'start' | 'usage' | 'error' }>

function gather(events: readonly ChatEvent[]): ChatReply {
  let head = { id: '', createdAt: 0, model: '' }
  let usage: Usage | null = null
  const choices = new Map<number, ChoiceEvent[]>()
  for (const event of events)
    if (event.type === 'start') {
      const { id, createdAt, model } = event
      head = { id, createdAt, model }
    } else if (event.type === 'usage') usage = event.usage
    else if (event.type !== 'error') {
      const found = choices.get(event.choice)
      if (found) found.push(event)
      else choices.set(event.choice, [event])
    }
  return {
    ...head,
    choices: [...choices].sort(([a], [b]) => a - b).map(([index, each]) => toChoice(index, each)),
    ...(usage && { usage }),
    extra: {},
  }
}

function toChoice(index: number, events: readonly ChoiceEvent[]): ReplyChoice {
  let [content, reasoning, refusal, finishReason] = ['', '', '', 'stop']
  let logprobs: unknown
  let extra: JsonObject = {}
  const calls: ToolCall[] = []
  for (const event of events)
    if (event.type === 'text-delta') {
      content += event.text
      logprobs = event.logprobs ?? logprobs
    } else if (event.type === 'reasoning-delta') reasoning += event.text
    else if (event.type === 'refusal-delta') refusal += event.text
    else if (event.type === 'finish') finishReason = event.reason
    else if (event.type === 'other-delta') extra = joined(extra, event.delta)
    else if (event.type === 'tool-call-start') {
      const { id, name, kind, extra: beside } = event
      calls.push({ id, name, kind, arguments: '', ...(beside && { extra: beside }) })
    } else if (event.type === 'tool-call-delta') {
      const call = calls[event.call]
      if (call) calls[event.call] = { ...call, arguments: event.arguments }
    }
  return {
    index,
    content: content === '' && calls.length > 0 ? null : content,
    ...(refusal && { refusal }),
    ...(reasoning && { reasoning }),
    ...(calls.length > 0 && { toolCalls: calls }),
    finishReason,
    extra,
    ...(logprobs !== undefined && { logprobs }),
  }
}

/** Lists grow and objects merge. Of a plain answer's pieces only sound comes as text to be put together. */
function joined(before: JsonObject, piece: JsonObject): JsonObject {
  const whole: Record<string, unknown> = { ...before }
  for (const [name, value] of Object.entries(piece)) {
    const had = whole[name]
    if (Array.isArray(had) && Array.isArray(value)) whole[name] = [...had, ...value]
    else if (isObject(had) && isObject(value)) whole[name] = joined(had, value)
    else if (name === 'data' && typeof had === 'string') whole[name] = had + String(value)
    else whole[name] = value
  }
  return whole
}
