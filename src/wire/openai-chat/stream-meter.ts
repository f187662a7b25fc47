import type { Usage } from '../../core/chat.ts'
import type { GatewayError } from '../../core/errors.ts'
import { countOf, isObject, type JsonObject, listOf, parseJson } from '../json.ts'
import { decodeInnerError } from './error.ts'
import { ChoiceTally, gaveUp, unreadable } from './events.ts'
import { decodeChunkUsage } from './usage.ts'

/**
 * What one event of a stream is: `nothing` (a comment, empty, or without choices), `data`, the `usage` chunk that
 * reaches a client only if it asked, the end, or the provider's own failure.
 */
export type Sighting = 'nothing' | 'data' | 'usage' | 'done' | GatewayError

// A chunk that says one of these is read; the many that only carry text are passed by.
const telling = /"(?:usage|finish_reason|error)"\s*:\s*(?!\s|null)/

/**
 * Watches a relayed stream: what was used, and whether it came to its end. It reads the first events and those that
 * may tell something, so that relaying a token costs next to nothing.
 */
export class StreamMeter {
  usage: Usage | null = null
  /** Events that carried something: about one token each, all there is to count where a provider gives no usage. */
  dataEvents = 0
  /** The last event read, for who wants to rewrite it; null where it was passed by. */
  read: JsonObject | null = null
  readonly #choices = new ChoiceTally()
  readonly #readAll: boolean
  #done = false

  /** `readAll` where every event must be seen: several choices, or a provider whose chunks are corrected. */
  constructor(readAll: boolean) {
    this.#readAll = readAll
  }

  /** Whether what came so far is a whole answer: `[DONE]`, or a finish for every choice that began. */
  get finished(): boolean {
    return this.#done || this.#choices.complete
  }

  /** `name` is the event's own, which some providers use to tell of a failure. */
  see(data: string | null, name: string | null = null): Sighting {
    this.read = null
    if (data === null || data === '') return 'nothing'
    if (!this.#readAll && this.dataEvents > 0 && name !== 'error' && isPlainChunk(data)) {
      this.dataEvents++
      return 'data'
    }
    const text = data.trim()
    if (text === '') return 'nothing'
    if (text === '[DONE]') {
      this.#done = true
      return 'done'
    }
    const wire = parseJson(text)
    if (!isObject(wire)) return unreadable()
    if (wire['error'] != null || name === 'error') return decodeInnerError(wire)
    this.read = wire
    return this.#note(wire)
  }

  #note(wire: JsonObject): Sighting {
    const usage = decodeChunkUsage(wire)
    if (usage) this.usage = usage
    const choices = listOf(wire['choices']).filter(isObject)
    if (choices.length === 0) return usage ? 'usage' : 'nothing'
    this.dataEvents++
    for (const choice of choices) {
      const index = countOf(choice['index']) ?? 0
      this.#choices.began(index)
      const reason = choice['finish_reason']
      if (reason === 'error') return gaveUp()
      if (typeof reason === 'string' && reason !== '') this.#choices.finished(index)
    }
    return 'data'
  }
}

/** Without a delta it may be a sign of life that carries nothing, which must not pass for progress. */
const isPlainChunk = (data: string): boolean =>
  data.charCodeAt(0) === 123 &&
  data.charCodeAt(data.length - 1) === 125 &&
  data.includes('"delta"') &&
  !telling.test(data)
