import type { ChatEvent } from '../../core/chat.ts'
import type { ReplyContext, StreamDecoder } from '../../core/dialect.ts'
import { countOf, isObject, type JsonObject, parseJson } from '../json.ts'
import type { SseEvent } from '../sse.ts'
import { decodeServerSentEvents, type FrameReader } from '../translate/event-decoder.ts'
import { readCitations } from './citation.ts'
import { decodeInnerError, unreadable } from './error.ts'
import { finishReason, refusalText } from './finish.ts'
import { sayHiddenThought, sayThought } from './thought.ts'
import { mergeUsage, readUsage } from './usage.ts'

export const createDecoder = (context: ReplyContext): StreamDecoder<ChatEvent> => {
  const reader = createMessageReader(context)
  return decodeServerSentEvents({
    read: (event) => reader.read(wireOf(event)),
    rest: () => reader.rest(),
    get finished() {
      return reader.finished
    },
    get done() {
      return reader.done ?? false
    },
  })
}

/** Null: nothing to read in it. */
function wireOf({ data, name }: SseEvent): JsonObject | null {
  if (data === null || data.trim() === '' || data.trim() === '[DONE]') return null
  const wire = parseJson(data)
  if (!isObject(wire)) throw unreadable('the provider sent an event that is not JSON')
  return typeof wire['type'] === 'string' || name === null ? wire : { ...wire, type: name }
}

/** Reads the events themselves, however they are framed: clouds put them into frames of their own. */
export function createMessageReader(context: ReplyContext): FrameReader<JsonObject | null> {
  return new MessageReader(context)
}

type Block =
  | { readonly kind: 'text'; readonly start: number; readonly citations: unknown[] }
  | { readonly kind: 'thinking'; text: string; signature: string; readonly index: number }
  /** `call`: null for the answer itself. */
  | {
      readonly kind: 'tool'
      readonly call: number | null
      readonly input: unknown
      isBlank: boolean
    }
  | { readonly kind: 'skipped' }

const at = { choice: 0 } as const

class MessageReader implements FrameReader<JsonObject | null> {
  readonly #context: ReplyContext
  readonly #open = new Map<number, Block>()
  readonly #begun = new Set<number>()
  readonly #ids = new Set<string>()
  #started = false
  #finished = false
  #done = false
  #answered = false
  /** Where a tool stands for the answer, text is held until it is known whether the tool is called. */
  #held: ChatEvent[] = []
  /** Blocks that the caller gets to see, and characters of the text. */
  #seen = 0
  #length = 0
  #usage: JsonObject = {}

  constructor(context: ReplyContext) {
    this.#context = context
  }

  get finished(): boolean {
    return this.#finished
  }

  get done(): boolean {
    return this.#done
  }

  rest(): readonly ChatEvent[] {
    const usage = readUsage(this.#usage)
    return usage ? [{ type: 'usage', usage }] : []
  }

  read(wire: JsonObject | null): readonly ChatEvent[] {
    const events: ChatEvent[] = []
    if (this.#done) return events
    if (isObject(wire?.['error'])) throw decodeInnerError(wire)
    switch (wire?.['type']) {
      case 'message_start':
        this.#start(wire, events)
        break
      case 'content_block_start':
        this.#begin(this.#indexOf(wire), objectOf(wire['content_block']), events)
        break
      case 'content_block_delta':
        this.#delta(this.#blockOf(wire), objectOf(wire['delta']), events)
        break
      case 'content_block_stop': {
        const block = this.#blockOf(wire)
        this.#open.delete(this.#indexOf(wire))
        this.#close(block, events)
        break
      }
      case 'message_delta':
        this.#finish(wire, events)
        break
      case 'message_stop':
        if (!this.#finished) throw unreadable('the provider ended the message without a reason')
        this.#done = true
        break
      case 'error':
        throw decodeInnerError(wire)
    }
    return events
  }

  #start(wire: JsonObject, events: ChatEvent[]): void {
    if (this.#started) throw unreadable('the provider began the message twice')
    this.#started = true
    const message = objectOf(wire['message'])
    const { id, model } = message
    events.push({
      type: 'start',
      id: typeof id === 'string' && id !== '' ? id : this.#context.newId(),
      createdAt: this.#context.createdAt,
      model: typeof model === 'string' && model !== '' ? model : this.#context.model,
    })
    events.push({ type: 'role', ...at, role: 'assistant' })
    this.#usage = mergeUsage(this.#usage, message['usage'])
  }

  #indexOf(wire: JsonObject): number {
    if (!this.#started) throw unreadable('the provider sent content before the message began')
    if (this.#finished) throw unreadable('the provider sent content after the message ended')
    return countOf(wire['index']) ?? 0
  }

  #blockOf(wire: JsonObject): Block {
    const block = this.#open.get(this.#indexOf(wire))
    if (!block) throw unreadable('the provider sent a piece of a block that is not open')
    return block
  }

  #begin(index: number, wire: JsonObject, events: ChatEvent[]): void {
    if (this.#begun.has(index)) throw unreadable('the provider began a block twice')
    this.#begun.add(index)
    this.#open.set(index, this.#blockFrom(wire, events))
  }

  #blockFrom(wire: JsonObject, events: ChatEvent[]): Block {
    switch (wire['type']) {
      case 'text': {
        const start = this.#length
        this.#seen++
        this.#text(wire['text'], events)
        const citations = Array.isArray(wire['citations']) ? [...wire['citations']] : []
        return { kind: 'text', start, citations }
      }
      case 'thinking': {
        const block: Block = { kind: 'thinking', text: '', signature: '', index: this.#seen++ }
        this.#think(block, wire, events)
        return block
      }
      case 'redacted_thinking': {
        const detail = sayHiddenThought(textOf(wire['data']), this.#seen++)
        events.push({ type: 'other-delta', ...at, delta: { reasoning_details: [detail] } })
        return { kind: 'skipped' }
      }
      case 'tool_use':
        this.#seen++
        return this.#callFrom(wire, events)
      default:
        // What happens at the provider itself: its own tools and their results.
        return { kind: 'skipped' }
    }
  }

  #callFrom({ id, name, input }: JsonObject, events: ChatEvent[]): Block {
    if (name === this.#context.answerTool) return this.#answerFrom(input, events)
    const given = textOf(id)
    const own = given === '' || this.#ids.has(given) ? this.#context.newId() : given
    const call = this.#ids.size
    this.#ids.add(own)
    events.push({
      type: 'tool-call-start',
      ...at,
      call,
      id: own,
      name: textOf(name),
      kind: 'function',
    })
    return { kind: 'tool', call, input, isBlank: true }
  }

  #answerFrom(input: unknown, events: ChatEvent[]): Block {
    // Two of them would not be one JSON text.
    if (this.#answered) return { kind: 'skipped' }
    this.#answered = true
    for (const event of this.#held)
      if (event.type === 'text-delta') events.push({ ...event, type: 'reasoning-delta' })
    this.#held = []
    return { kind: 'tool', call: null, input, isBlank: true }
  }

  #delta(block: Block, wire: JsonObject, events: ChatEvent[]): void {
    const type = wire['type']
    if (block.kind === 'text') {
      if (type === 'text_delta') this.#text(wire['text'], events)
      else if (type === 'citations_delta') block.citations.push(wire['citation'])
    } else if (block.kind === 'thinking') this.#think(block, wire, events)
    else if (block.kind === 'tool' && type === 'input_json_delta')
      this.#input(block, textOf(wire['partial_json']), events)
  }

  #text(value: unknown, events: ChatEvent[]): void {
    const text = textOf(value)
    if (text === '') return
    this.#length += text.length
    if (this.#answered) events.push({ type: 'reasoning-delta', ...at, text })
    else this.#say({ type: 'text-delta', ...at, text }, events)
  }

  #say(event: ChatEvent, events: ChatEvent[]): void {
    if (this.#context.answerTool === null) events.push(event)
    else this.#held.push(event)
  }

  #think(
    block: Extract<Block, { kind: 'thinking' }>,
    { thinking, signature }: JsonObject,
    events: ChatEvent[],
  ): void {
    const text = textOf(thinking)
    block.text += text
    block.signature += textOf(signature)
    if (text !== '') events.push({ type: 'reasoning-delta', ...at, text })
  }

  #input(block: Extract<Block, { kind: 'tool' }>, text: string, events: ChatEvent[]): void {
    if (text === '') return
    if (text.trim() !== '') block.isBlank = false
    if (block.call === null) events.push({ type: 'text-delta', ...at, text })
    else events.push({ type: 'tool-call-delta', ...at, call: block.call, arguments: text })
  }

  #close(block: Block, events: ChatEvent[]): void {
    if (block.kind === 'tool' && block.isBlank)
      // The input came whole with the start, or there is none.
      this.#input(block, JSON.stringify(isObject(block.input) ? block.input : {}), events)
    if (block.kind === 'thinking' && block.signature !== '') {
      const detail = sayThought(block.text, block.signature, block.index)
      events.push({ type: 'other-delta', ...at, delta: { reasoning_details: [detail] } })
    }
    if (block.kind === 'text') {
      const annotations = readCitations(block.citations, block.start, this.#length)
      if (annotations.length > 0 && !this.#answered)
        this.#say({ type: 'other-delta', ...at, delta: { annotations } }, events)
    }
  }

  #finish(wire: JsonObject, events: ChatEvent[]): void {
    if (!this.#started) throw unreadable('the provider ended a message that never began')
    this.#usage = mergeUsage(this.#usage, wire['usage'])
    const delta = objectOf(wire['delta'])
    if (typeof delta['stop_reason'] !== 'string' || this.#finished) return
    this.#finished = true
    for (const block of this.#open.values()) this.#close(block, events)
    this.#open.clear()
    events.push(...this.#held)
    this.#held = []
    const refusal = refusalText(delta)
    if (refusal !== null) events.push({ type: 'refusal-delta', ...at, text: refusal })
    const reason = finishReason(delta['stop_reason'], this.#ids.size > 0)
    events.push({ type: 'finish', ...at, reason })
  }
}

const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {})
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
