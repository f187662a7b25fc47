/** One place a call can go: a provider and the model's name there. */
export interface Target {
  readonly provider: string
  readonly model: string
  readonly weight: number
}

/** When a second way is asked beside one that is late. */
export interface HedgeRule {
  /** What part of all prompts second attempts may add, above 0 and up to 1. */
  readonly share: number
  /** The least time the first attempt has; the route's own times may give it more. */
  readonly afterMs: number
}

/** What a model name means: where calls to it go, and by which strategy. */
export interface Route {
  /** `provider/model`, or the public name: what allow-lists are matched against. */
  readonly name: string
  readonly strategy: 'priority' | 'weighted' | 'least-latency'
  readonly targets: readonly Target[]
  /** Where calls go once all targets have failed, in this order; theirs are among them already. */
  readonly fallbacks: readonly Route[]
  /** Null: one way is asked at a time. */
  readonly hedge: HedgeRule | null
}
