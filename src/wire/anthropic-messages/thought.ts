import type { JsonObject } from '../json.ts'

/** Marks thoughts that this provider can take back, among those of others. */
export const thoughtFormat = 'anthropic-claude-v1'

/**
 * A thought as it goes to the caller to come back with the next turn. `index`: which of the blocks it was, counting
 * those that the caller gets to see.
 */
export const sayThought = (text: string, signature: string, index: number): JsonObject => ({
  type: 'reasoning.text',
  text,
  signature,
  format: thoughtFormat,
  index,
})

export const sayHiddenThought = (data: string, index: number): JsonObject => ({
  type: 'reasoning.encrypted',
  data,
  format: thoughtFormat,
  index,
})
