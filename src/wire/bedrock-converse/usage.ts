import type { Usage } from '../../core/chat.ts'
import { countOf, isObject } from '../json.ts'

/** Null where there is no count. What was read from a cache or written into one is counted beside the input here. */
export function decodeUsage(wire: unknown): Usage | null {
  if (!isObject(wire)) return null
  const input = countOf(wire['inputTokens'])
  const output = countOf(wire['outputTokens'])
  if (input === null && output === null) return null
  const read = countOf(wire['cacheReadInputTokens']) ?? 0
  const written = countOf(wire['cacheWriteInputTokens']) ?? 0
  return {
    inputTokens: (input ?? 0) + read + written,
    outputTokens: output ?? 0,
    cachedInputTokens: read,
    reasoningTokens: 0,
    ...(written > 0 && { cacheWriteTokens: written }),
    estimated: false,
  }
}
