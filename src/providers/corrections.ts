import { isObject, type JsonObject, listOf } from '../wire/json.ts'
import { readContent } from '../wire/openai-chat/content.ts'

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

/** Content that is a list of parts becomes the text that OpenAI's clients expect, thinking kept beside it. */
export function joinContentLists(wire: JsonObject): JsonObject | null {
  return rewriteChoices(wire, (choice) => {
    const where = isObject(choice['delta']) ? 'delta' : 'message'
    const message = choice[where]
    if (!isObject(message) || !Array.isArray(message['content'])) return null
    const { text, reasoning } = readContent(message)
    return {
      ...choice,
      [where]: { ...message, content: text, ...(reasoning && { reasoning_content: reasoning }) },
    }
  })
}
