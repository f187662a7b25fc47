import type { ChatEvent } from '../../core/chat.ts'
import type { StreamDecoder, StreamEncoder } from '../../core/dialect.ts'
import { GatewayError } from '../../core/errors.ts'
import { SseFramer } from '../sse.ts'
import { decodeInnerError, errorFrame } from './error.ts'
import { countOf, isObject, type JsonObject, listOf, parseJson, without } from './json.ts'
import { decodeUsage, encodeUsage } from './usage.ts'

export const doneFrame = 'data: [DONE]\n\n'

/** Which choices began and which of them finished: the difference between an end and a cut. */
export class ChoiceTally {
  readonly #open = new Set<number>()
  #begun = false

  began(choice: number): void {
    if (!this.#finished.has(choice)) this.#open.add(choice)
    this.#begun = true
  }

  finished(choice: number): void {
    this.#begun = true
    this.#finished.add(choice)
    this.#open.delete(choice)
  }

  get complete(): boolean {
    return this.#begun && this.#open.size === 0
  }

  readonly #finished = new Set<number>()
}

/** The neutral reading of OpenAI's chunks, for clients that speak another dialect and for building a reply. */
export function createDecoder(): StreamDecoder<ChatEvent> {
  return new Decoder()
}

class Decoder implements StreamDecoder<ChatEvent> {
  readonly #framer = new SseFramer()
  readonly #choices = new ChoiceTally()
  readonly #calls = new Map<string, number>()
  #state: 'open' | 'done' | 'failed' = 'open'
  #started = false

  push(chunk: Uint8Array): readonly ChatEvent[] {
    try {
      return this.#framer.push(chunk).flatMap(({ data }) => this.#read(data))
    } catch (thrown) {
      return this.#fail(GatewayError.from(thrown))
    }
  }

  end(): readonly ChatEvent[] {
    const last = this.#framer.end()
    const events = last ? this.#read(last.data) : []
    if (this.#state !== 'open' || this.#choices.complete) return events
    return [...events, ...this.#fail(truncated())]
  }

  #fail(error: GatewayError): readonly ChatEvent[] {
    if (this.#state === 'failed') return []
    this.#state = 'failed'
    return [{ type: 'error', error }]
  }

  #read(data: string | null): readonly ChatEvent[] {
    if (this.#state !== 'open' || data === null || data.trim() === '') return []
    if (data.trim() === '[DONE]') {
      this.#state = 'done'
      return []
    }
    const wire = parseJson(data)
    if (!isObject(wire)) return this.#fail(unreadable())
    if (wire['error'] != null) return this.#fail(decodeInnerError(wire))
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
    for (const choice of choices) this.#choice(choice, events)
    const usage = decodeUsage(wire['usage'])
    if (usage) events.push({ type: 'usage', usage })
    return events
  }

  #choice(wire: JsonObject, events: ChatEvent[]): void {
    const choice = countOf(wire['index']) ?? 0
    const delta = isObject(wire['delta']) ? wire['delta'] : {}
    this.#choices.began(choice)
    const { role, content, refusal } = delta
    const reasoning = delta['reasoning_content'] ?? delta['reasoning']
    if (typeof role === 'string') events.push({ type: 'role', choice, role })
    if (typeof reasoning === 'string' && reasoning)
      events.push({ type: 'reasoning-delta', choice, text: reasoning })
    if (typeof content === 'string' && content)
      events.push({
        type: 'text-delta',
        choice,
        text: content,
        ...(wire['logprobs'] != null && { logprobs: wire['logprobs'] }),
      })
    if (typeof refusal === 'string' && refusal)
      events.push({ type: 'refusal-delta', choice, text: refusal })
    for (const call of listOf(delta['tool_calls']).filter(isObject))
      this.#call(choice, call, events)
    const other = without(delta, known)
    if (Object.keys(other).length > 0) events.push({ type: 'other-delta', choice, delta: other })
    const reason = wire['finish_reason']
    if (typeof reason === 'string' && reason) {
      this.#choices.finished(choice)
      events.push({ type: 'finish', choice, reason })
    }
  }

  #call(choice: number, wire: JsonObject, events: ChatEvent[]): void {
    const index = countOf(wire['index']) ?? 0
    const kind = wire['type'] === 'custom' || isObject(wire['custom']) ? 'custom' : 'function'
    const body = isObject(wire[kind]) ? wire[kind] : {}
    const key = `${choice}/${index}`
    if (!this.#calls.has(key)) {
      this.#calls.set(key, index)
      events.push({
        type: 'tool-call-start',
        choice,
        call: index,
        id: String(wire['id'] ?? ''),
        name: String(body['name'] ?? ''),
        kind,
      })
    }
    const text = body[kind === 'custom' ? 'input' : 'arguments']
    if (typeof text === 'string' && text)
      events.push({ type: 'tool-call-delta', choice, call: index, arguments: text })
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
      return { index: event.call, id: event.id, type: event.kind, [event.kind]: body }
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
