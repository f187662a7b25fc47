import type { ChatReply, ToolCall } from '../../core/chat.ts'
import type { ReplyContext } from '../../core/dialect.ts'
import { isObject, type JsonObject, parseJson } from '../json.ts'
import { readCitations } from './citation.ts'
import { decodeInnerError, unreadable } from './error.ts'
import { finishReason, refusalText } from './finish.ts'
import { sayHiddenThought, sayThought } from './thought.ts'
import { readUsage } from './usage.ts'

/** Throws `upstream_invalid_response` for what is no message, and the error that stands in the place of one. */
export function decodeReply(body: Uint8Array, context: ReplyContext): ChatReply {
  const wire = parseJson(Buffer.from(body).toString('utf8'))
  if (!isObject(wire))
    throw unreadable('The provider replied with something that is no JSON object')
  if (wire['type'] === 'error' || isObject(wire['error'])) throw decodeInnerError(wire)
  const reading = readBlocks(blocksOf(wire), context)
  const { answer, calls, details, annotations } = reading
  // What is said beside the answer is no part of it: it would no longer be JSON.
  const text = answer ?? reading.text
  const thoughts = answer === null ? reading.thoughts : reading.thoughts + reading.text
  const refusal = refusalText(wire)
  const usage = readUsage(wire['usage'])
  return {
    id: typeof wire['id'] === 'string' ? wire['id'] : context.newId(),
    createdAt: context.createdAt,
    model: typeof wire['model'] === 'string' ? wire['model'] : context.model,
    choices: [
      {
        index: 0,
        content: text === '' && calls.length > 0 ? null : text,
        ...(refusal !== null && { refusal }),
        ...(thoughts !== '' && { reasoning: thoughts }),
        ...(calls.length > 0 && { toolCalls: calls }),
        finishReason: finishReason(wire['stop_reason'], calls.length > 0),
        extra: {
          ...(annotations.length > 0 && answer === null && { annotations }),
          ...(details.length > 0 && { reasoning_details: details }),
        },
      },
    ],
    ...(usage && { usage }),
    extra: {},
  }
}

/** Servers that only imitate the format send a plain text, or nothing where there is nothing to say. */
function blocksOf({ content, stop_reason: reason }: JsonObject): readonly JsonObject[] {
  if (Array.isArray(content)) return content.filter(isObject)
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  if (typeof reason === 'string') return []
  throw unreadable('The provider replied without any content')
}

interface Reading {
  text: string
  thoughts: string
  /** Null until the tool that stands for the answer was called. */
  answer: string | null
  readonly calls: ToolCall[]
  readonly details: JsonObject[]
  readonly annotations: JsonObject[]
  /** How many blocks the caller gets to see so far. */
  seen: number
}

function readBlocks(blocks: readonly JsonObject[], context: ReplyContext): Reading {
  const reading: Reading = {
    text: '',
    thoughts: '',
    answer: null,
    calls: [],
    details: [],
    annotations: [],
    seen: 0,
  }
  for (const block of blocks) readBlock(block, reading, context)
  return reading
}

/** Blocks about what happened at the provider itself (its own tools and their results) are not for the caller. */
function readBlock(block: JsonObject, reading: Reading, context: ReplyContext): void {
  switch (block['type']) {
    case 'text': {
      const start = reading.text.length
      reading.text += textOf(block['text'])
      const cited = readCitations(block['citations'], start, reading.text.length)
      reading.annotations.push(...cited)
      break
    }
    case 'thinking': {
      const { thinking, signature } = block
      reading.thoughts += textOf(thinking)
      if (typeof signature === 'string' && signature !== '')
        reading.details.push(sayThought(textOf(thinking), signature, reading.seen))
      break
    }
    case 'redacted_thinking':
      reading.details.push(sayHiddenThought(textOf(block['data']), reading.seen))
      break
    case 'tool_use':
      readCall(block, reading, context)
      break
    default:
      return
  }
  reading.seen++
}

function readCall(block: JsonObject, reading: Reading, context: ReplyContext): void {
  const name = textOf(block['name'])
  const input = block['input']
  const text = typeof input === 'string' && input !== '' ? input : JSON.stringify(input || {})
  if (name === context.answerTool) {
    reading.answer ??= text
    return
  }
  const given = textOf(block['id'])
  const isTaken = given === '' || reading.calls.some(({ id }) => id === given)
  const id = isTaken ? context.newId() : given
  reading.calls.push({ id, name, arguments: text, kind: 'function' })
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
