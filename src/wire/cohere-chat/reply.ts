import type { ChatReply, ReplyChoice, ToolCall } from '../../core/chat.ts'
import type { ReplyContext } from '../../core/dialect.ts'
import { argumentsText, isObject, type JsonObject, listOf, parseJson } from '../json.ts'
import { citationMembers } from './citations.ts'
import { innerError, invalid } from './error.ts'
import { failureOf, finishOf } from './finish.ts'
import { decodeLogprobs } from './logprobs.ts'
import { thoughtsOf } from './thoughts.ts'
import { decodeUsage } from './usage.ts'

/** Throws `upstream_invalid_response`, or the provider's own error where a 200 holds one. */
export function decodeReply(body: Uint8Array, context: ReplyContext): ChatReply {
  const wire = parseJson(Buffer.from(body).toString('utf8'))
  if (!isObject(wire)) throw invalid('its reply is not complete, valid JSON')
  const { message } = wire
  if (wire['error'] != null || typeof message === 'string')
    throw innerError(wire, 'the provider failed without saying why')
  if (!isObject(message)) throw invalid('it replied without a message')
  const failure = failureOf(wire['finish_reason'], wire['error'])
  if (failure) throw failure
  const usage = decodeUsage(wire['usage'])
  return {
    id: typeof wire['id'] === 'string' && wire['id'] ? wire['id'] : context.newId(),
    createdAt: context.createdAt,
    model: context.model,
    choices: [decodeMessage(message, wire, context)],
    ...(usage && { usage }),
    extra: {},
  }
}

function decodeMessage(message: JsonObject, wire: JsonObject, context: ReplyContext): ReplyChoice {
  const { text, thoughts, offsets } = readBlocks(message['content'])
  const calls = readCalls(message['tool_calls'], context)
  const shown = calls.filter(({ name }) => name !== context.answerTool)
  const answer = calls.find(({ name }) => name === context.answerTool)?.arguments ?? null
  const plan = typeof message['tool_plan'] === 'string' ? message['tool_plan'] : ''
  // Beside an answer in JSON a plan would spoil it, and so would any other text.
  const isForm = context.answerTool !== null
  const content = answer ?? (isForm ? '' : plan) + text
  const reasoning = thoughts + (isForm ? plan : '') + (answer === null ? '' : text)
  const citations = listOf(message['citations']).filter(isObject)
  const shift = isForm ? 0 : plan.length
  const logprobs = decodeLogprobs(wire['logprobs'])
  return {
    index: 0,
    content: content === '' && shown.length > 0 ? null : content,
    ...(reasoning && { reasoning }),
    ...(shown.length > 0 && { toolCalls: shown }),
    finishReason: finishOf(wire['finish_reason'], shown.length > 0),
    extra: {
      ...(thoughts && shown.length > 0 && thoughtsOf(thoughts)),
      ...citationMembers(citations, (block) => shift + (offsets[block] ?? 0)),
    },
    ...(logprobs && { logprobs }),
  }
}

/** `offsets`: where each block begins in the text of all. */
function readBlocks(content: unknown): {
  readonly text: string
  readonly thoughts: string
  readonly offsets: readonly number[]
} {
  let [text, thoughts] = ['', '']
  const offsets: number[] = []
  if (typeof content === 'string') return { text: content, thoughts, offsets }
  for (const block of listOf(content)) {
    offsets.push(text.length)
    if (!isObject(block)) continue
    if (typeof block['text'] === 'string') text += block['text']
    else if (typeof block['thinking'] === 'string') thoughts += block['thinking']
  }
  return { text, thoughts, offsets }
}

function readCalls(wire: unknown, context: ReplyContext): readonly ToolCall[] {
  const taken = new Set<string>()
  return listOf(wire)
    .filter(isObject)
    .map((call) => {
      const body = isObject(call['function']) ? call['function'] : {}
      const given = typeof call['id'] === 'string' ? call['id'] : ''
      const id = given === '' || taken.has(given) ? `call_${context.newId()}` : given
      taken.add(id)
      const text = argumentsText(body['arguments'])
      return {
        id,
        name: String(body['name'] ?? ''),
        arguments: text === '' || text === 'null' ? '{}' : text,
        kind: 'function',
      }
    })
}
