import { countOf, isObject, type JsonObject, listOf } from '../wire/json.ts'
import { readContent } from '../wire/openai-chat/content.ts'

/** Where a choice says what it says: in a chunk or in a reply. */
export type Where = 'delta' | 'message'

/** A choice without one kind of deviation; null where it has none. `wire` is the chunk or reply that it stands in. */
export type ChoiceStep = (choice: JsonObject, where: Where, wire: JsonObject) => JsonObject | null

/** The object with some of its choices changed; null where `change` wants none of them changed. */
export function rewriteChoices(
  wire: JsonObject,
  change: (choice: JsonObject) => JsonObject | null,
): JsonObject | null {
  let changed = false
  const choices = listOf(wire['choices']).map((choice) => {
    const next = isObject(choice) ? change(choice) : null
    if (next) changed = true
    return next ?? choice
  })
  return changed ? { ...wire, choices } : null
}

/** All steps after each other; null where none of them changed anything. */
export const inTurn =
  (...steps: readonly ChoiceStep[]): ChoiceStep =>
  (choice, where, wire) => {
    let changed: JsonObject | null = null
    for (const step of steps) changed = step(changed ?? choice, where, wire) ?? changed
    return changed
  }

/** Content that is a list of parts becomes the text that OpenAI's clients expect, thinking kept beside it. */
export const joinContentLists: ChoiceStep = (choice, where) => {
  const message = choice[where]
  if (!isObject(message) || !Array.isArray(message['content'])) return null
  const { text, reasoning } = readContent(message)
  return {
    ...choice,
    [where]: { ...message, content: text, ...(reasoning && { reasoning_content: reasoning }) },
  }
}

/** Reasoning under the name that most clients know; its own name stays for those who know that. */
export const nameReasoning: ChoiceStep = (choice, where) => {
  const message = choice[where]
  if (!isObject(message) || 'reasoning_content' in message) return null
  const { reasoning } = message
  if (typeof reasoning !== 'string' || reasoning === '') return null
  return { ...choice, [where]: { ...message, reasoning_content: reasoning } }
}

/** A finish reason that no client of OpenAI knows. */
export const renameFinish =
  (words: Readonly<Record<string, string>>): ChoiceStep =>
  (choice) => {
    const reason = choice['finish_reason']
    return typeof reason === 'string' && Object.hasOwn(words, reason)
      ? { ...choice, finish_reason: words[reason] }
      : null
  }

/** `finish_reason` is there in every chunk, and no empty text. A whole answer always has one. */
export const completeFinish: ChoiceStep = (choice, where) => {
  const reason = choice['finish_reason']
  if (where === 'message') return reason ? null : { ...choice, finish_reason: 'stop' }
  return reason === undefined || reason === '' ? { ...choice, finish_reason: null } : null
}

/** A tool call begins with an id and a type, and has a number; no calls at all are no member at all. */
export const completeToolCalls: ChoiceStep = (choice, where, wire) => {
  const message = choice[where]
  if (!isObject(message) || !('tool_calls' in message)) return null
  const { tool_calls: given, ...rest } = message
  if (!Array.isArray(given)) return { ...choice, [where]: rest }
  const place = `${wire['id'] ?? 'answer'}_${choice['index'] ?? 0}`
  let changed = false
  const calls = given.map((call, at) => {
    const next = isObject(call) ? completeCall(call, at, where, place) : null
    if (next) changed = true
    return next ?? call
  })
  return changed ? { ...choice, [where]: { ...message, tool_calls: calls } } : null
}

function completeCall(
  call: JsonObject,
  at: number,
  where: Where,
  place: string,
): JsonObject | null {
  const { index, id, type } = call
  const missing: Record<string, unknown> = {}
  if (where === 'delta' && countOf(index) === null) missing['index'] = at
  const body = isObject(call['function']) ? call['function'] : null
  if (body && typeof body['name'] === 'string' && body['name']) {
    if (typeof id !== 'string' || id === '') missing['id'] = `call_${place}_${countOf(index) ?? at}`
    if (type === undefined || type === null) missing['type'] = 'function'
  }
  return Object.keys(missing).length > 0 ? { ...call, ...missing } : null
}

/** What every vendor's answers must have where they are not passed byte for byte. */
export const complete = inTurn(completeFinish, completeToolCalls)
