import type { Usage } from '../../core/chat.ts'
import { countOf, isObject, type JsonObject } from '../json.ts'

/** Null where there is no count at all: nothing is invented here. */
export function decodeUsage(wire: unknown): Usage | null {
  if (!isObject(wire)) return null
  const input = countOf(wire['prompt_tokens'])
  const output = countOf(wire['completion_tokens'])
  if (input === null && output === null) return null
  const inputDetails = wire['prompt_tokens_details']
  const outputDetails = wire['completion_tokens_details']
  const cached =
    (isObject(inputDetails) ? countOf(inputDetails['cached_tokens']) : null) ??
    countOf(wire['prompt_cache_hit_tokens']) ??
    countOf(wire['num_cached_tokens']) ??
    countOf(wire['cached_tokens']) ??
    0
  const detail = (details: unknown, name: string): number =>
    isObject(details) ? (countOf(details[name]) ?? 0) : 0
  const cacheWriteTokens = detail(inputDetails, 'cache_write_tokens')
  const audioInputTokens = detail(inputDetails, 'audio_tokens')
  const audioOutputTokens = detail(outputDetails, 'audio_tokens')
  return {
    inputTokens: input ?? 0,
    outputTokens: output ?? 0,
    cachedInputTokens: cached,
    reasoningTokens: detail(outputDetails, 'reasoning_tokens'),
    ...(cacheWriteTokens && { cacheWriteTokens }),
    ...(audioInputTokens && { audioInputTokens }),
    ...(audioOutputTokens && { audioOutputTokens }),
    estimated: false,
  }
}

/** The usage of a chunk: Groq's stands beside its own marks where it was not asked for. */
export function decodeChunkUsage(wire: JsonObject): Usage | null {
  const groq = wire['x_groq']
  return decodeUsage(wire['usage'] ?? (isObject(groq) ? groq['usage'] : null))
}

export function encodeUsage(usage: Usage): JsonObject {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: {
      cached_tokens: usage.cachedInputTokens,
      ...(usage.cacheWriteTokens && { cache_write_tokens: usage.cacheWriteTokens }),
      ...(usage.audioInputTokens && { audio_tokens: usage.audioInputTokens }),
    },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoningTokens,
      ...(usage.audioOutputTokens && { audio_tokens: usage.audioOutputTokens }),
    },
  }
}
