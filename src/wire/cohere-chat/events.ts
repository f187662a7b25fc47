import type { ChatEvent, Usage } from '../../core/chat.ts'
import type { ReplyContext, StreamDecoder } from '../../core/dialect.ts'
import { argumentsText, countOf, isObject, type JsonObject, parseJson } from '../json.ts'
import type { SseEvent } from '../sse.ts'
import { decodeServerSentEvents, type FrameReader } from '../translate/event-decoder.ts'
import { citationMembers } from './citations.ts'
import { innerError, invalid } from './error.ts'
import { failureOf, finishOf } from './finish.ts'
import { decodeLogprobs } from './logprobs.ts'
import { thoughtsOf } from './thoughts.ts'
import { decodeUsage } from './usage.ts'

export const createDecoder = (context: ReplyContext): StreamDecoder<ChatEvent> =>
  decodeServerSentEvents(new Reader(context))

const choice = 0

interface OpenCall {
  readonly id: string
  /** Its number among the calls that are shown; null for the one that is the answer itself, of which there is one. */
  readonly call: number | 'skipped' | null
  /** Arguments that may still turn out to be `null`, which means none; null once they are something. */
  held: string | null
}

class Reader implements FrameReader<SseEvent> {
  readonly #context: ReplyContext
  /** By Cohere's number, until they end. */
  readonly #open = new Map<number, OpenCall>()
  readonly #ids = new Set<string>()
  /** Where the content block of each number begins in the whole text. */
  readonly #offsets: number[] = []
  readonly #thoughts: string[] = []
  #length = 0
  #calls = 0
  #answered = false
  /** Where a tool stands for the answer, text is held until it is known whether the tool is called. */
  #held: ChatEvent[] = []
  #state: 'before' | 'open' | 'ended' = 'before'
  #usage: Usage | null = null

  constructor(context: ReplyContext) {
    this.#context = context
  }

  get finished(): boolean {
    return this.#state === 'ended'
  }

  /** The end holds the usage; only a terminator may follow. */
  get done(): boolean {
    return this.finished
  }

  rest(): readonly ChatEvent[] {
    const usage = this.#usage
    this.#usage = null
    return usage ? [{ type: 'usage', usage }] : []
  }

  read({ data, name }: SseEvent): readonly ChatEvent[] {
    const text = data?.trim() ?? ''
    if (text === '' || text === '[DONE]') return []
    const wire = parseJson(text)
    if (!isObject(wire)) throw invalid('the provider sent an event that is not JSON')
    const type = typeof wire['type'] === 'string' ? wire['type'] : (name ?? '')
    if (type === 'error' || wire['error'] != null || (type === '' && 'message' in wire))
      throw innerError(wire, 'the provider broke off without saying why')
    if (!known.has(type)) return []
    const isStart = type === 'message-start'
    if (this.#state === 'ended' || isStart !== (this.#state === 'before'))
      throw invalid(`the provider sent its events out of order: "${type}" had no place`)
    const delta = isObject(wire['delta']) ? wire['delta'] : {}
    if (isStart) return this.#start(wire)
    if (type === 'message-end') return this.#end(delta)
    const message = isObject(delta['message']) ? delta['message'] : {}
    return this.#piece(type, countOf(wire['index']) ?? 0, message, wire)
  }

  #start({ id }: JsonObject): readonly ChatEvent[] {
    this.#state = 'open'
    return [
      {
        type: 'start',
        id: typeof id === 'string' && id ? id : this.#context.newId(),
        createdAt: this.#context.createdAt,
        model: this.#context.model,
      },
      { type: 'role', choice, role: 'assistant' },
    ]
  }

  #piece(type: string, index: number, message: JsonObject, wire: JsonObject): readonly ChatEvent[] {
    switch (type) {
      case 'content-start':
        if (this.#offsets[index] !== undefined)
          throw invalid('the provider began a content block twice')
        this.#offsets[index] = this.#length
        return this.#content(message['content'], wire['logprobs'])
      case 'content-delta':
        return this.#content(message['content'], wire['logprobs'])
      case 'tool-plan-delta':
        return this.#plan(message['tool_plan'])
      case 'tool-call-start':
        return this.#callStart(index, one(message['tool_calls']))
      case 'tool-call-delta':
        return this.#callDelta(index, one(message['tool_calls']))
      case 'tool-call-end':
        return this.#callEnd(index)
      default:
        return this.#cited(one(message['citations']))
    }
  }

  #content(content: unknown, logprobs: unknown): readonly ChatEvent[] {
    if (!isObject(content)) return []
    const { text, thinking } = content
    if (typeof thinking === 'string' && thinking) {
      this.#thoughts.push(thinking)
      return [{ type: 'reasoning-delta', choice, text: thinking }]
    }
    return typeof text === 'string' ? this.#text(text, logprobs) : []
  }

  #text(text: string, wire?: unknown): readonly ChatEvent[] {
    if (text === '') return []
    this.#length += text.length
    if (this.#answered) return [{ type: 'reasoning-delta', choice, text }]
    const logprobs = wire == null ? undefined : decodeLogprobs(wire)
    const event: ChatEvent = { type: 'text-delta', choice, text, ...(logprobs && { logprobs }) }
    if (this.#context.answerTool === null) return [event]
    this.#held.push(event)
    return []
  }

  #plan(plan: unknown): readonly ChatEvent[] {
    if (typeof plan !== 'string' || plan === '') return []
    // Beside an answer in JSON a plan would spoil it.
    if (this.#context.answerTool !== null) return [{ type: 'reasoning-delta', choice, text: plan }]
    return this.#text(plan)
  }

  #callStart(index: number, wire: JsonObject): readonly ChatEvent[] {
    const body = isObject(wire['function']) ? wire['function'] : {}
    const given = typeof wire['id'] === 'string' ? wire['id'] : ''
    const before = this.#open.get(index)
    if (before && before.id === given) throw invalid('the provider began a tool call twice')
    const events = [...this.#callEnd(index)]
    const name = String(body['name'] ?? '')
    const isAnswer = name === this.#context.answerTool
    // Two of them would not be one JSON text.
    if (isAnswer && this.#answered) {
      this.#open.set(index, { id: given, call: 'skipped', held: null })
      return events
    }
    const id = given === '' || this.#ids.has(given) ? `call_${this.#context.newId()}` : given
    this.#ids.add(id)
    const call = isAnswer ? null : this.#calls++
    this.#open.set(index, { id: given, call, held: '' })
    if (call === null) events.push(...this.#answer())
    else events.push({ type: 'tool-call-start', choice, call, id, name, kind: 'function' })
    events.push(...this.#callDelta(index, wire))
    return events
  }

  #callDelta(index: number, wire: JsonObject): readonly ChatEvent[] {
    const open = this.#open.get(index)
    if (!open) throw invalid('the provider sent arguments of a tool call that it had not begun')
    const body = isObject(wire['function']) ? wire['function'] : {}
    const piece = argumentsText(body['arguments'])
    if (piece === '') return []
    if (open.held === null) return this.#arguments(open, piece)
    open.held += piece
    if ('null'.startsWith(open.held.trim())) return []
    const held = open.held
    open.held = null
    return this.#arguments(open, held)
  }

  #callEnd(index: number): readonly ChatEvent[] {
    const open = this.#open.get(index)
    this.#open.delete(index)
    if (!open || open.held === null) return []
    const text = open.held.trim()
    return this.#arguments(open, text === '' || text === 'null' ? '{}' : text)
  }

  #arguments({ call }: OpenCall, text: string): readonly ChatEvent[] {
    if (call === 'skipped') return []
    return call === null
      ? [{ type: 'text-delta', choice, text }]
      : [{ type: 'tool-call-delta', choice, call, arguments: text }]
  }

  /** What was said before the answer is no part of it. */
  #answer(): readonly ChatEvent[] {
    this.#answered = true
    const held = this.#held
    this.#held = []
    return held.flatMap((event) =>
      event.type === 'text-delta'
        ? [{ type: 'reasoning-delta' as const, choice, text: event.text }]
        : [],
    )
  }

  #cited(citation: JsonObject): readonly ChatEvent[] {
    if (Object.keys(citation).length === 0) return []
    const delta = citationMembers([citation], (block) => this.#offsets[block] ?? 0)
    return [{ type: 'other-delta', choice, delta }]
  }

  #end(delta: JsonObject): readonly ChatEvent[] {
    this.#usage = decodeUsage(delta['usage'])
    const failure = failureOf(delta['finish_reason'], delta['error'])
    if (failure) throw failure
    const events = [...this.#open.keys()].flatMap((index) => this.#callEnd(index))
    events.push(...this.#held)
    this.#held = []
    if (this.#calls > 0 && this.#thoughts.length > 0)
      events.push({ type: 'other-delta', choice, delta: thoughtsOf(this.#thoughts.join('')) })
    this.#state = 'ended'
    const reason = finishOf(delta['finish_reason'], this.#calls > 0)
    return [...events, { type: 'finish', choice, reason }]
  }
}

const known = new Set([
  'message-start',
  'content-start',
  'content-delta',
  'tool-plan-delta',
  'tool-call-start',
  'tool-call-delta',
  'tool-call-end',
  'citation-start',
  'message-end',
])

/** Cohere has written a list where it now has one object. */
function one(value: unknown): JsonObject {
  const first: unknown = Array.isArray(value) ? value[0] : value
  return isObject(first) ? first : {}
}
