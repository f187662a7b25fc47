import { countOf, isObject, type JsonObject, listOf } from '../wire/json.ts'
import { decodeUsage } from '../wire/openai-chat/usage.ts'
import type { ChoiceStep } from './corrections.ts'

interface ChoiceState {
  hasCalls: boolean
  finished: boolean
}

/**
 * One stream's chunks in the order that OpenAI keeps: a role once, at the start of each choice; one finish reason for
 * each, `tool_calls` where there were some; the usage once, last, in a chunk of its own.
 */
export class StreamCorrector {
  readonly #step: ChoiceStep
  readonly #states = new Map<number, ChoiceState>()
  /** What every chunk says of the whole answer, as the first did. */
  #head: JsonObject | null = null
  #owed: JsonObject | null = null

  /** `step` corrects what can be seen in one chunk alone. */
  constructor(step: ChoiceStep) {
    this.#step = step
  }

  /** The usage chunk that is still to be sent when the stream is finished; null: it was, or there was no count. */
  get owed(): JsonObject | null {
    return this.#owed
  }

  /** What to send in place of a chunk; `same`: nothing deviates; `nothing`: all it said was said before. */
  correct(given: JsonObject): JsonObject | 'same' | 'nothing' {
    const wire = this.#enveloped(given)
    const choices = listOf(wire['choices'])
    const counts = decodeUsage(wire['usage'])
    if (choices.length === 0) {
      if (counts) this.#owed = null
      return 'same'
    }
    const kept: unknown[] = []
    let changed = wire !== given
    for (const [at, choice] of choices.entries()) {
      const next = isObject(choice) ? this.#choice(choice, at, wire) : choice
      if (next !== null) kept.push(next)
      if (next !== choice) changed = true
    }
    if (!counts) return outcome(wire, kept, changed)
    const { usage, choices: _choices, ...head } = wire
    // Totals so far may come with every chunk: only the last are true.
    this.#owed = { ...head, choices: [], usage }
    return outcome(head, kept, true)
  }

  #enveloped(wire: JsonObject): JsonObject {
    const { id, created, model } = wire
    this.#head ??= { id, object: chunkObject, created, model }
    const isWhole = id !== undefined && created !== undefined && model !== undefined
    return isWhole && wire['object'] === chunkObject
      ? wire
      : { ...this.#head, ...wire, object: chunkObject }
  }

  /** Null where nothing of it is left to say. */
  #choice(given: JsonObject, at: number, wire: JsonObject): JsonObject | null {
    const index = countOf(given['index']) ?? at
    const numbered = given['index'] === index ? given : { ...given, index }
    const choice = this.#step(numbered, 'delta', wire) ?? numbered
    const state = this.#states.get(index)
    const delta = isObject(choice['delta']) ? choice['delta'] : {}
    const spoken = state ? withoutRole(delta) : withRole(delta)
    const current = state ?? { hasCalls: false, finished: false }
    this.#states.set(index, current)
    if (listOf(delta['tool_calls']).length > 0) current.hasCalls = true
    const reason = choice['finish_reason']
    let finish = reason
    if (typeof reason === 'string' && reason !== '') {
      if (current.finished && isEmpty(spoken)) return null
      finish = current.finished
        ? null
        : current.hasCalls && reason === 'stop'
          ? 'tool_calls'
          : reason
      current.finished = true
    }
    if (spoken === delta && finish === reason && 'delta' in choice) return choice
    return { ...choice, delta: spoken, finish_reason: finish ?? null }
  }
}

const chunkObject = 'chat.completion.chunk'

const outcome = (
  wire: JsonObject,
  choices: readonly unknown[],
  changed: boolean,
): JsonObject | 'same' | 'nothing' =>
  choices.length === 0 ? 'nothing' : changed ? { ...wire, choices } : 'same'

const withRole = (delta: JsonObject): JsonObject =>
  typeof delta['role'] === 'string' && delta['role'] ? delta : { ...delta, role: 'assistant' }

function withoutRole(delta: JsonObject): JsonObject {
  if (!('role' in delta)) return delta
  const { role: _role, ...rest } = delta
  return rest
}

const isEmpty = (delta: JsonObject): boolean =>
  Object.values(delta).every(
    (value) => value === null || value === '' || (Array.isArray(value) && value.length === 0),
  )
