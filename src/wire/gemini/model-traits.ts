/** Which Gemini: Google's own API, or Google Cloud's. They share the format but for a few fields. */
export type GeminiApi = 'gemini' | 'vertex'

/** What the models of one family can do, read off the name: nothing else tells. */
export interface ModelTraits {
  /** Such as 2.5; null where the name does not say, as a tuned model's: it then counts as a current one. */
  readonly generation: number | null
  readonly isPro: boolean
  /** Answers in sound alone. */
  readonly isSpeech: boolean
  /** Refuses function calls that come back without the signature of the thought behind them. */
  readonly needsSignatures: boolean
  /** Takes functions and a form of the answer in one request. */
  readonly takesFormatWithTools: boolean
  /** Has instructions apart from the conversation. */
  readonly takesInstructions: boolean
}

export function readModelTraits(model: string): ModelTraits {
  const name = model.split('/').at(-1)?.toLowerCase() ?? ''
  const generation = generationOf(name)
  return {
    generation,
    isPro: /\bpro\b/.test(name),
    isSpeech: /\btts\b/.test(name),
    needsSignatures: generation !== null && generation >= 3,
    takesFormatWithTools: generation === null || generation >= 3,
    takesInstructions: !/^gemma-[123]\b/.test(name),
  }
}

function generationOf(name: string): number | null {
  if (name.startsWith('gemma')) return 0
  const number = /^gemini-(\d+(?:\.\d+)?)(?=-|$)/.exec(name)?.[1]
  if (number !== undefined) return Number(number)
  return /^gemini-.*latest$/.test(name) ? 3 : null
}
