import type { ChatEvent, Usage } from '../../core/chat.ts'
import type { ReplyContext } from '../../core/dialect.ts'
import { GatewayError } from '../../core/errors.ts'
import { countOf, isObject, type JsonObject, listOf, parseJson } from '../json.ts'
import type { FrameReader } from '../translate/event-decoder.ts'
import { Candidate } from './candidate.ts'
import { isBlock } from './enums.ts'
import { decodeInnerError } from './error.ts'
import { decodeUsage } from './usage.ts'

/**
 * Reads replies: the only one of a plain answer, or one after the other of a stream. Finishes wait for the end, since
 * a call may follow after the provider said that it stopped.
 */
export class AnswerReader implements FrameReader<string> {
  readonly #context: ReplyContext
  readonly #candidates = new Map<number, Candidate>()
  readonly #ids = new Set<string>()
  #started = false
  #blocked = false
  #usage: Usage | null = null

  constructor(context: ReplyContext) {
    this.#context = context
  }

  get finished(): boolean {
    const candidates = [...this.#candidates.values()]
    return this.#blocked || (candidates.length > 0 && candidates.every((each) => each.isFinished))
  }

  /** Whether there was anything that a reply consists of. */
  get begun(): boolean {
    return this.#candidates.size > 0 || this.#blocked || this.#usage !== null
  }

  read(text: string): readonly ChatEvent[] {
    const trimmed = text.trim()
    if (trimmed === '' || trimmed === '[DONE]') return []
    const wire = parseJson(trimmed)
    if (Array.isArray(wire)) return wire.flatMap((each) => this.#reply(each))
    return this.#reply(wire)
  }

  #reply(wire: unknown): readonly ChatEvent[] {
    if (!isObject(wire)) throw unreadable()
    if (wire['error'] != null) throw decodeInnerError(wire)
    const events: ChatEvent[] = []
    if (!this.#started && isAnswer(wire)) events.push(this.#start(wire))
    for (const [position, each] of listOf(wire['candidates']).entries())
      if (isObject(each)) events.push(...this.#candidate(countOf(each['index']) ?? position, each))
    const feedback = wire['promptFeedback']
    if (isObject(feedback) && isBlock(feedback['blockReason'])) this.#blocked = true
    // Counts are totals so far: only the last are true.
    this.#usage = decodeUsage(wire['usageMetadata']) ?? this.#usage
    return events
  }

  #start({ responseId, modelVersion }: JsonObject): ChatEvent {
    this.#started = true
    const { createdAt, model } = this.#context
    return {
      type: 'start',
      id: typeof responseId === 'string' && responseId ? responseId : this.#context.newId(),
      createdAt,
      model: typeof modelVersion === 'string' && modelVersion ? modelVersion : model,
    }
  }

  #candidate(choice: number, wire: JsonObject): readonly ChatEvent[] {
    let candidate = this.#candidates.get(choice)
    if (!candidate) {
      candidate = new Candidate(choice, this.#context, this.#ids)
      this.#candidates.set(choice, candidate)
    }
    return candidate.read(wire)
  }

  rest(): readonly ChatEvent[] {
    const usage = this.#usage
    const candidates = [...this.#candidates.values()]
    // An answer without candidates was stopped before it began.
    if (candidates.length === 0) candidates.push(new Candidate(0, this.#context, this.#ids))
    const isBlocked = this.#blocked || this.#candidates.size === 0
    return [
      ...candidates.flatMap((each) => each.end(isBlocked)),
      ...(usage ? [{ type: 'usage' as const, usage }] : []),
    ]
  }
}

const isAnswer = (wire: JsonObject): boolean =>
  ['responseId', 'candidates', 'promptFeedback', 'usageMetadata'].some((name) => name in wire)

const unreadable = (): GatewayError =>
  new GatewayError('upstream_invalid_response', 'the provider sent an answer that is not JSON')
