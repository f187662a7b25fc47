import type { JsonObject } from '../json.ts'

const format = 'cohere-chat-v2'

/** Thoughts in the form in which a client brings them back with the tool calls they led to. */
export const thoughtsOf = (text: string): JsonObject => ({
  reasoning_details: [{ type: 'reasoning.text', text, format, index: 0 }],
})

/** The text of a thought that came from Cohere; null for everybody else's. */
export const thoughtText = (detail: JsonObject): string | null =>
  detail['format'] === format && typeof detail['text'] === 'string' ? detail['text'] : null
