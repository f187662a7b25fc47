import { isObject, type JsonObject, listOf } from '../json.ts'

/** A candidate's `logprobsResult` as a choice's `logprobs`; null where there is none. */
export function decodeLogprobs(wire: unknown): JsonObject | null {
  if (!isObject(wire)) return null
  const top = listOf(wire['topCandidates'])
  const content = listOf(wire['chosenCandidates'])
    .filter(isObject)
    .map((chosen, at) => {
      const others = top[at]
      const candidates = isObject(others) ? listOf(others['candidates']) : []
      return { ...decodeToken(chosen), top_logprobs: candidates.filter(isObject).map(decodeToken) }
    })
  return content.length > 0 ? { content, refusal: null } : null
}

function decodeToken(wire: JsonObject): JsonObject {
  const token = String(wire['token'] ?? '')
  return { token, logprob: Number(wire['logProbability'] ?? 0), bytes: [...Buffer.from(token)] }
}
