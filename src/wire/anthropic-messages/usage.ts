import type { Usage } from '../../core/chat.ts'
import { countOf, isObject, type JsonObject } from '../json.ts'

/** Counts come in pieces and are totals so far: the last that is given counts. */
export function mergeUsage(before: JsonObject, wire: unknown): JsonObject {
  if (!isObject(wire)) return before
  const given = Object.entries(wire).filter(([, value]) => value !== null && value !== undefined)
  return { ...before, ...Object.fromEntries(given) }
}

/** Null where there is no count at all. The cache's counts are not part of the input's there; here they are. */
export function readUsage(wire: unknown): Usage | null {
  if (!isObject(wire)) return null
  const input = countOf(wire['input_tokens'])
  const output = countOf(wire['output_tokens'])
  if (input === null && output === null) return null
  const read = countOf(wire['cache_read_input_tokens']) ?? 0
  const written = countOf(wire['cache_creation_input_tokens']) ?? 0
  const details = wire['output_tokens_details']
  return {
    inputTokens: (input ?? 0) + read + written,
    outputTokens: output ?? 0,
    cachedInputTokens: read,
    reasoningTokens: isObject(details) ? (countOf(details['thinking_tokens']) ?? 0) : 0,
    ...(written > 0 && { cacheWriteTokens: written }),
    estimated: false,
  }
}
