import type { Usage } from '../../core/chat.ts'
import { countOf, isObject } from '../json.ts'

/** What the model saw and wrote, where that is told; what is billed is less. Null where there is no count at all. */
export function decodeUsage(wire: unknown): Usage | null {
  if (!isObject(wire)) return null
  const counts = isObject(wire['tokens']) ? wire['tokens'] : wire['billed_units']
  if (!isObject(counts)) return null
  const input = countOf(counts['input_tokens'])
  const output = countOf(counts['output_tokens'])
  if (input === null && output === null) return null
  return {
    inputTokens: input ?? 0,
    outputTokens: output ?? 0,
    cachedInputTokens: countOf(wire['cached_tokens']) ?? 0,
    reasoningTokens: countOf(counts['reasoning_tokens']) ?? 0,
    estimated: false,
  }
}
