import { isObject, type JsonObject, listOf } from '../json.ts'

/** What a message or a delta says, whether its content is text or a list of parts with the thinking among them. */
export interface Said {
  /** Null where there is no content at all. */
  readonly text: string | null
  readonly reasoning: string | null
}

export function readContent(message: JsonObject): Said {
  const { content } = message
  const reasoning = message['reasoning_content'] ?? message['reasoning']
  const given = typeof reasoning === 'string' ? reasoning : null
  if (!Array.isArray(content))
    return { text: typeof content === 'string' ? content : null, reasoning: given }
  const parts = content.filter(isObject)
  const thought = textOf(parts.filter(({ type }) => type === 'thinking'))
  return {
    text: textOf(parts.filter(({ type }) => type !== 'thinking')),
    reasoning: thought ? (given ?? '') + thought : given,
  }
}

/** Thinking parts hold lists of parts themselves. */
function textOf(parts: readonly JsonObject[]): string {
  return parts
    .map(({ text, thinking }) =>
      typeof text === 'string'
        ? text
        : typeof thinking === 'string'
          ? thinking
          : textOf(listOf(thinking).filter(isObject)),
    )
    .join('')
}
