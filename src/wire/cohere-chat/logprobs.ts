import { isObject, type JsonObject, listOf } from '../json.ts'

/** Cohere tells of pieces of text, mostly one token each: the probability of a piece is the product of its tokens'. */
export function decodeLogprobs(wire: unknown): JsonObject | undefined {
  const pieces = (Array.isArray(wire) ? wire : [wire]).filter(isObject).flatMap((piece) => {
    const numbers = listOf(piece['logprobs']).filter((each) => typeof each === 'number')
    if (numbers.length === 0) return []
    const token = typeof piece['text'] === 'string' ? piece['text'] : ''
    const logprob = numbers.reduce((sum, each) => sum + each, 0)
    return [{ token, logprob, bytes: [...Buffer.from(token)], top_logprobs: [] }]
  })
  return pieces.length > 0 ? { content: pieces, refusal: null } : undefined
}
