import type { OwnPrice, Price } from '../core/price.ts'

/** A model of a provider, as prices are told. */
export interface Priced {
  /** The provider's name here, the first part of the key in the file. */
  readonly provider: string
  readonly type: string
  /** The model as it was asked for. */
  readonly model: string
  /** Its name on the provider's side where that is another one, such as a deployment. */
  readonly upstreamModel: string
}

export type Catalogue = (type: string, model: string, at: number) => Price | null

/** The operator's own prices first, then the catalogue; what neither knows has no price, and is never free by silence. */
export class PriceBook {
  readonly #own: ReadonlyMap<string, readonly OwnPrice[]>
  readonly #catalogue: Catalogue
  readonly #known = new Map<string, { readonly price: Price | null; readonly minute: number }>()

  /** `own` by `provider/model`, each list rising by its times. */
  constructor(own: ReadonlyMap<string, readonly OwnPrice[]>, catalogue: Catalogue) {
    this.#own = own
    this.#catalogue = catalogue
  }

  /** `at` is epoch ms. */
  priceOf(asked: Priced, at: number): Price | null {
    const name = `${asked.provider}/${asked.model}`
    const minute = Math.floor(at / 60_000)
    const known = this.#known.get(name)
    // Some prices change with the hour; within a minute they do not.
    if (known?.minute === minute) return known.price
    const price = this.#find(name, asked, at)
    // Names come from callers.
    if (this.#known.size >= remembered) this.#known.clear()
    this.#known.set(name, { price, minute })
    return price
  }

  #find(name: string, { provider, type, model, upstreamModel }: Priced, at: number): Price | null {
    for (const each of [name, `${provider}/${upstreamModel}`]) {
      const own = this.#own.get(each)?.findLast(({ from }) => from <= at)
      if (own) return own.price
    }
    if (free.has(type)) return nothing
    return this.#catalogue(type, model, at) ?? this.#catalogue(type, upstreamModel, at)
  }
}

const remembered = 10_000
/** They run on one's own machine, or nowhere at all. */
const free = new Set(['ollama', 'vllm', 'lmstudio', 'demo'])

const zero = { base: 0, tiers: [] }
const nothing: Price = {
  input: zero,
  output: zero,
  cachedInput: null,
  cacheWrite: null,
  audioInput: null,
  audioOutput: null,
  perRequest: 0,
  source: 'local',
}
