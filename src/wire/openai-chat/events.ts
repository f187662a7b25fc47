import type { ChatEvent, Usage } from '../../core/chat.ts'
import type { StreamDecoder, StreamEncoder } from '../../core/dialect.ts'
import { GatewayError } from '../../core/errors.ts'
import {
  argumentsText,
  countOf,
  isObject,
  type JsonObject,
  listOf,
  parseJson,
  without,
} from '../json.ts'
import { type SseEvent, SseFramer } from '../sse.ts'
import { readContent } from './content.ts'
import { decodeInnerError, errorFrame } from './error.ts'
import { extraOf } from './tool-call.ts'
import { decodeChunkUsage, encodeUsage } from './usage.ts'

export const doneFrame = 'data: [DONE]\n\n'

/** Which choices began and which of them finished: the difference between an end and a cut. */
export class ChoiceTally {
  readonly #open = new Set<number>()
  #begun = false

  /** True the first time. */
  began(choice: number): boolean {
    this.#begun = true
    if (this.#finished.has(choice) || this.#open.has(choice)) return false
    this.#open.add(choice)
    return true
  }

  /** True the first time: some providers say it twice. */
  finished(choice: number): boolean {
    this.#begun = true
    if (this.#finished.has(choice)) return false
    this.#finished.add(choice)
    this.#open.delete(choice)
    return true
  }

  get complete(): boolean {
    return this.#begun && this.#open.size === 0
  }

  readonly #finished = new Set<number>()
}

/**
 * The neutral reading of OpenAI's chunks, for clients that speak another dialect and for building a reply. Whatever
 * the provider repeats or leaves out, each choice has one role and at most one finish, and the usage comes once, last.
 */
export function createDecoder(): StreamDecoder<ChatEvent> {
  return new Decoder()
}

class Decoder implements StreamDecoder<ChatEvent> {
  readonly #framer = new SseFramer()
  readonly #choices = new ChoiceTally()
  readonly #calls = new Set<string>()
  #state: 'open' | 'done' | 'failed' = 'open'
  #started = false
  #usage: Usage | null = null

  push(chunk: Uint8Array): readonly ChatEvent[] {
    try {
      return this.#framer.push(chunk).flatMap((event) => this.#read(event))
    } catch (thrown) {
      return this.#fail(GatewayError.from(thrown))
    }
  }

  end(): readonly ChatEvent[] {
    const last = this.#framer.end()
    const events = last ? this.#read(last) : []
    if (this.#state !== 'open') return events
    return [...events, ...(this.#choices.complete ? this.#finish() : this.#fail(truncated()))]
  }

  #fail(error: GatewayError): readonly ChatEvent[] {
    if (this.#state !== 'open') return []
    const usage = this.#finish()
    this.#state = 'failed'
    return [...usage, { type: 'error', error }]
  }

  /** Counts that come with every chunk are totals so far: only the last are true. */
  #finish(): readonly ChatEvent[] {
    this.#state = 'done'
    const usage = this.#usage
    this.#usage = null
    return usage ? [{ type: 'usage', usage }] : []
  }

  #read({ data, name }: SseEvent): readonly ChatEvent[] {
    if (this.#state !== 'open' || data === null || data.trim() === '') return []
    if (data.trim() === '[DONE]') return this.#finish()
    const wire = parseJson(data)
    if (!isObject(wire)) return this.#fail(unreadable())
    if (wire['error'] != null || name === 'error') return this.#fail(decodeInnerError(wire))
    return this.#events(wire)
  }

  #events(wire: JsonObject): readonly ChatEvent[] {
    const events: ChatEvent[] = []
    const choices = listOf(wire['choices']).filter(isObject)
    if (!this.#started && choices.length > 0) {
      this.#started = true
      events.push({
        type: 'start',
        id: String(wire['id'] ?? ''),
        createdAt: countOf(wire['created']) ?? 0,
        model: String(wire['model'] ?? ''),
      })
    }
    this.#usage = decodeChunkUsage(wire) ?? this.#usage
    for (const choice of choices) {
      this.#choice(choice, events)
      if (choice['finish_reason'] === 'error') return [...events, ...this.#fail(gaveUp())]
    }
    return events
  }

  #choice(wire: JsonObject, events: ChatEvent[]): void {
    const choice = countOf(wire['index']) ?? 0
    const delta = isObject(wire['delta']) ? wire['delta'] : {}
    const { role, refusal } = delta
    const { text, reasoning } = readContent(delta)
    if (this.#choices.began(choice))
      events.push({
        type: 'role',
        choice,
        role: typeof role === 'string' && role ? role : 'assistant',
      })
    if (reasoning) events.push({ type: 'reasoning-delta', choice, text: reasoning })
    if (text)
      events.push({
        type: 'text-delta',
        choice,
        text,
        ...(wire['logprobs'] != null && { logprobs: wire['logprobs'] }),
      })
    if (typeof refusal === 'string' && refusal)
      events.push({ type: 'refusal-delta', choice, text: refusal })
    for (const [position, call] of listOf(delta['tool_calls']).filter(isObject).entries())
      this.#call(choice, call, countOf(call['index']) ?? position, events)
    const other = without(delta, known)
    if (Object.keys(other).length > 0) events.push({ type: 'other-delta', choice, delta: other })
    const reason = wire['finish_reason']
    if (
      typeof reason === 'string' &&
      reason &&
      reason !== 'error' &&
      this.#choices.finished(choice)
    )
      events.push({ type: 'finish', choice, reason })
  }

  #call(choice: number, wire: JsonObject, index: number, events: ChatEvent[]): void {
    const kind = wire['type'] === 'custom' || isObject(wire['custom']) ? 'custom' : 'function'
    const body = isObject(wire[kind]) ? wire[kind] : {}
    const key = `${choice}/${index}`
    if (!this.#calls.has(key)) {
      this.#calls.add(key)
      events.push({
        type: 'tool-call-start',
        choice,
        call: index,
        id: String(wire['id'] ?? ''),
        name: String(body['name'] ?? ''),
        kind,
        ...extraOf(wire),
      })
    }
    const text = argumentsText(body[kind === 'custom' ? 'input' : 'arguments'])
    if (text) events.push({ type: 'tool-call-delta', choice, call: index, arguments: text })
  }
}

const known = new Set([
  'role',
  'content',
  'refusal',
  'reasoning',
  'reasoning_content',
  'tool_calls',
])

export const truncated = (): GatewayError =>
  new GatewayError(
    'upstream_stream_truncated',
    'the provider ended the stream before it was finished',
  )
/** Some providers say by a finish reason that they failed. */
export const gaveUp = (): GatewayError =>
  decodeInnerError({ message: 'the provider gave up on the answer' })
export const unreadable = (): GatewayError =>
  new GatewayError('upstream_invalid_response', 'the provider sent an event that is not JSON')

/** Chunks of a `chat.completion.chunk` stream. After an error nothing more is written, `[DONE]` least of all. */
export function createEncoder(): StreamEncoder<ChatEvent> {
  return new Encoder()
}

class Encoder implements StreamEncoder<ChatEvent> {
  #head: JsonObject = { id: '', object: 'chat.completion.chunk', created: 0, model: '' }
  #failed = false
  readonly #kinds = new Map<string, 'function' | 'custom'>()

  push(events: readonly ChatEvent[]): string {
    return events.map((event) => this.#frame(event)).join('')
  }

  end(): string {
    return this.#failed ? '' : doneFrame
  }

  #frame(event: ChatEvent): string {
    if (this.#failed) return ''
    switch (event.type) {
      case 'start':
        this.#head = {
          id: event.id,
          object: 'chat.completion.chunk',
          created: event.createdAt,
          model: event.model,
        }
        return ''
      case 'role':
        return this.#delta(event.choice, { role: event.role, content: '', refusal: null })
      case 'text-delta':
        return this.#delta(event.choice, { content: event.text }, event.logprobs)
      case 'refusal-delta':
        return this.#delta(event.choice, { refusal: event.text })
      case 'reasoning-delta':
        return this.#delta(event.choice, { reasoning_content: event.text })
      case 'other-delta':
        return this.#delta(event.choice, event.delta)
      case 'tool-call-start':
      case 'tool-call-delta':
        return this.#delta(event.choice, { tool_calls: [this.#call(event)] })
      case 'finish':
        return this.#chunk([
          { index: event.choice, delta: {}, logprobs: null, finish_reason: event.reason },
        ])
      case 'usage':
        return this.#chunk([], encodeUsage(event.usage))
      case 'error':
        this.#failed = true
        return errorFrame(event.error)
    }
  }

  #call(event: Extract<ChatEvent, { type: 'tool-call-start' | 'tool-call-delta' }>): JsonObject {
    const key = `${event.choice}/${event.call}`
    if (event.type === 'tool-call-start') {
      this.#kinds.set(key, event.kind)
      const body =
        event.kind === 'custom'
          ? { name: event.name, input: '' }
          : { name: event.name, arguments: '' }
      return {
        index: event.call,
        id: event.id,
        type: event.kind,
        [event.kind]: body,
        ...event.extra,
      }
    }
    return this.#kinds.get(key) === 'custom'
      ? { index: event.call, custom: { input: event.arguments } }
      : { index: event.call, function: { arguments: event.arguments } }
  }

  #delta(index: number, delta: JsonObject, logprobs: unknown = null): string {
    return this.#chunk([{ index, delta, logprobs, finish_reason: null }])
  }

  #chunk(choices: readonly JsonObject[], usage?: JsonObject): string {
    return `data: ${JSON.stringify({ ...this.#head, choices, ...(usage && { usage }) })}\n\n`
  }
}
