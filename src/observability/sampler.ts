/** Whether a trace is kept. `parentSampled` null: it begins here. */
export type Sampler = (traceId: string, parentSampled: boolean | null) => boolean

export interface SamplerSettings {
  /** The part of the traces that is kept, from 0 to 1. */
  readonly ratio: number
  /** Whether what the caller decided for its trace holds. */
  readonly parentBased: boolean
}

const randomPart = 2 ** 56

export function createSampler({ ratio, parentBased }: SamplerSettings): Sampler {
  // By the id alone, so that everybody who samples by the same ratio keeps the same traces. Its last 7 bytes are chance.
  const keeps = (traceId: string): boolean =>
    ratio >= 1 || Number.parseInt(traceId.slice(18), 16) < ratio * randomPart
  return (traceId, parentSampled) =>
    parentBased && parentSampled !== null ? parentSampled : keeps(traceId)
}
