import type { Usage } from '../../core/chat.ts'
import { countOf, isObject } from '../json.ts'
import { tokensOf } from './enums.ts'

/** Null where there are no counts: Google Cloud's early events only say how the traffic is paid for. */
export function decodeUsage(wire: unknown): Usage | null {
  if (!isObject(wire)) return null
  const prompt = countOf(wire['promptTokenCount'])
  const answer = countOf(wire['candidatesTokenCount'])
  if (prompt === null && answer === null) return null
  const thoughts = countOf(wire['thoughtsTokenCount']) ?? 0
  const audioInputTokens = tokensOf(wire['promptTokensDetails'], 'AUDIO')
  const audioOutputTokens = tokensOf(wire['candidatesTokensDetails'], 'AUDIO')
  return {
    // What tools on the provider's side read is input too, and counted apart.
    inputTokens: (prompt ?? 0) + (countOf(wire['toolUsePromptTokenCount']) ?? 0),
    outputTokens: (answer ?? 0) + thoughts,
    cachedInputTokens: countOf(wire['cachedContentTokenCount']) ?? 0,
    reasoningTokens: thoughts,
    ...(audioInputTokens && { audioInputTokens }),
    ...(audioOutputTokens && { audioOutputTokens }),
    estimated: false,
  }
}
