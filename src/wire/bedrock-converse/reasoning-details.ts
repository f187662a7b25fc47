import { isObject, type JsonObject } from '../json.ts'

/** Tells our entries from those of other providers, whose signatures mean nothing here. */
const format = 'bedrock-converse-v1'

/** What must come back with the next turn; null where the thought carries no proof, and so need not. */
export function detailOf(
  text: string,
  signature: string,
  redacted: string,
  index: number,
): JsonObject | null {
  if (redacted) return { type: 'reasoning.encrypted', data: redacted, format, index }
  return signature ? { type: 'reasoning.text', text, signature, format, index } : null
}

/** The block that an entry was made from; null where it is not one of ours. */
export function blockOf(detail: JsonObject): JsonObject | null {
  if (detail['format'] !== format) return null
  const { type, text, signature, data } = detail
  if (type === 'reasoning.text' && typeof signature === 'string')
    return { reasoningContent: { reasoningText: { text: String(text ?? ''), signature } } }
  return type === 'reasoning.encrypted' && typeof data === 'string'
    ? { reasoningContent: { redactedContent: data } }
    : null
}

/** A whole thought of a reply. */
export function readThought(wire: unknown): {
  readonly text: string
  readonly signature: string
  readonly redacted: string
} {
  const thought = isObject(wire) ? wire : {}
  const said = isObject(thought['reasoningText']) ? thought['reasoningText'] : {}
  const word = (value: unknown): string => (typeof value === 'string' ? value : '')
  return {
    text: word(said['text']),
    signature: word(said['signature']),
    redacted: word(thought['redactedContent']),
  }
}
