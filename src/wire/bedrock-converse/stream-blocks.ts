import type { ChatEvent } from '../../core/chat.ts'
import type { ReplyContext } from '../../core/dialect.ts'
import { isObject, type JsonObject } from '../json.ts'
import { annotationOf } from './citations.ts'
import { makesNoSense } from './error.ts'
import { detailOf } from './reasoning-details.ts'
import { isServerTool } from './reply.ts'

type Block =
  /** The start of text and of a thought is never told: their first piece opens them. */
  | { kind: 'text'; start: number; end: number }
  | { kind: 'thought'; text: string; signature: string; redacted: Buffer[] }
  /** `call` is null for the call that is the answer itself. */
  | { kind: 'tool'; call: number | null; isEmpty: boolean }
  /** Something that has no form at OpenAI, such as the results of the provider's own tools. */
  | { kind: 'skipped' }

/** The content blocks of one streamed message, by their index. */
export class StreamBlocks {
  readonly #context: ReplyContext
  readonly #open = new Map<number, Block>()
  readonly #closed = new Set<number>()
  readonly #ids = new Set<string>()
  #details = 0
  #textLength = 0
  #answered = false
  /** Where a tool stands for the answer, text is held until it is known whether the tool is called. */
  #held: ChatEvent[] = []

  constructor(context: ReplyContext) {
    this.#context = context
  }

  /** How many tool calls the caller is told of. */
  get calls(): number {
    return this.#ids.size
  }

  start(index: number, start: unknown): readonly ChatEvent[] {
    if (this.#open.has(index) || this.#closed.has(index))
      throw makesNoSense('the same content block twice')
    const tool = isObject(start) && isObject(start['toolUse']) ? start['toolUse'] : null
    if (tool && !isServerTool(tool)) return this.#startTool(index, tool)
    if (isObject(start) && Object.keys(start).length > 0) this.#open.set(index, { kind: 'skipped' })
    return []
  }

  delta(index: number, delta: unknown): readonly ChatEvent[] {
    if (!isObject(delta)) return []
    if (this.#closed.has(index)) throw makesNoSense('a piece of a content block that had ended')
    const { text, reasoningContent: thought, toolUse: tool, citation } = delta
    if (this.#open.get(index)?.kind === 'skipped') return []
    if (typeof text === 'string') return this.#text(index, text)
    if (isObject(thought)) return this.#thought(index, thought)
    if (isObject(tool)) return this.#arguments(index, tool['input'])
    return isObject(citation) ? this.#citation(index, citation) : []
  }

  stop(index: number): readonly ChatEvent[] {
    const block = this.#open.get(index)
    this.#open.delete(index)
    this.#closed.add(index)
    if (block?.kind === 'tool') return block.isEmpty ? this.#piece(block, '{}') : []
    if (block?.kind !== 'thought') return []
    const redacted = Buffer.concat(block.redacted).toString('base64')
    const detail = detailOf(block.text, block.signature, redacted, this.#details)
    if (!detail) return []
    this.#details++
    return [{ type: 'other-delta', choice: 0, delta: { reasoning_details: [detail] } }]
  }

  /** What is left to say when the message ends. */
  end(): readonly ChatEvent[] {
    const events = [...this.#open.keys()].flatMap((index) => this.stop(index))
    const held = this.#held
    this.#held = []
    return [...events, ...held]
  }

  #startTool(index: number, { toolUseId, name }: JsonObject): readonly ChatEvent[] {
    if (name === this.#context.answerTool) {
      // Only the first is the answer: two of them would not be one JSON text.
      this.#open.set(
        index,
        this.#answered ? { kind: 'skipped' } : { kind: 'tool', call: null, isEmpty: true },
      )
      this.#answered = true
      const held = this.#held
      this.#held = []
      return held.flatMap((event) =>
        event.type === 'text-delta' ? [{ ...event, type: 'reasoning-delta' as const }] : [],
      )
    }
    const call = this.#ids.size
    const isUsable = typeof toolUseId === 'string' && toolUseId && !this.#ids.has(toolUseId)
    const id = isUsable ? toolUseId : `call_${this.#context.newId()}`
    this.#ids.add(id)
    this.#open.set(index, { kind: 'tool', call, isEmpty: true })
    return [
      { type: 'tool-call-start', choice: 0, call, id, name: String(name ?? ''), kind: 'function' },
    ]
  }

  #text(index: number, text: string): readonly ChatEvent[] {
    const block = this.#open.get(index) ?? {
      kind: 'text',
      start: this.#textLength,
      end: this.#textLength,
    }
    if (block.kind !== 'text') throw makesNoSense('text in a content block of another kind')
    this.#open.set(index, block)
    if (text === '') return []
    this.#textLength += text.length
    block.end = this.#textLength
    if (this.#answered) return [{ type: 'reasoning-delta', choice: 0, text }]
    return this.#say({ type: 'text-delta', choice: 0, text })
  }

  #thought(index: number, wire: JsonObject): readonly ChatEvent[] {
    const block = this.#open.get(index) ?? {
      kind: 'thought',
      text: '',
      signature: '',
      redacted: [],
    }
    if (block.kind !== 'thought') throw makesNoSense('a thought in a content block of another kind')
    this.#open.set(index, block)
    const { text, signature, redactedContent } = wire
    if (typeof signature === 'string') block.signature += signature
    if (typeof redactedContent === 'string')
      block.redacted.push(Buffer.from(redactedContent, 'base64'))
    if (typeof text !== 'string' || text === '') return []
    block.text += text
    return [{ type: 'reasoning-delta', choice: 0, text }]
  }

  #arguments(index: number, input: unknown): readonly ChatEvent[] {
    const block = this.#open.get(index)
    if (block?.kind !== 'tool') throw makesNoSense('arguments of a tool call that did not begin')
    const text = typeof input === 'string' ? input : ''
    // Blanks alone are no JSON: as long as nothing else came there are no arguments.
    if (block.isEmpty && text.trim() === '') return []
    block.isEmpty = false
    return this.#piece(block, text)
  }

  #piece({ call }: { readonly call: number | null }, text: string): readonly ChatEvent[] {
    return call === null
      ? [{ type: 'text-delta', choice: 0, text }]
      : [{ type: 'tool-call-delta', choice: 0, call, arguments: text }]
  }

  #citation(index: number, wire: JsonObject): readonly ChatEvent[] {
    const block = this.#open.get(index)
    const { start, end } =
      block?.kind === 'text' ? block : { start: this.#textLength, end: this.#textLength }
    const annotation = annotationOf(wire, start, end)
    if (!annotation || this.#answered) return []
    return this.#say({ type: 'other-delta', choice: 0, delta: { annotations: [annotation] } })
  }

  #say(event: ChatEvent): readonly ChatEvent[] {
    if (this.#context.answerTool === null) return [event]
    this.#held.push(event)
    return []
  }
}
