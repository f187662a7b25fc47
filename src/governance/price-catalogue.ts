import { calcPrice, type ModelPrice, type TieredPrices } from '@pydantic/genai-prices'
import { nanosOf } from '../core/money.ts'
import type { Price, TokenPrice } from '../core/price.ts'

/** The release the prices are of: it stands in the ledger beside what was reckoned by them. */
export const catalogueName = 'genai-prices 0.1.8'

/** The catalogue's names of our types of providers, the first that knows the model wins. */
const cataloguesOf: Readonly<Record<string, readonly string[]>> = {
  openai: ['openai'],
  // A deployment is called as one likes; its models are OpenAI's, at OpenAI's prices.
  azure: ['azure', 'openai'],
  anthropic: ['anthropic'],
  gemini: ['google'],
  vertex: ['google', 'anthropic'],
  bedrock: ['aws', 'anthropic'],
  mistral: ['mistral'],
  groq: ['groq'],
  cohere: ['cohere'],
  deepseek: ['deepseek'],
  xai: ['x-ai'],
  openrouter: ['openrouter'],
  perplexity: ['perplexity'],
  together: ['together'],
  fireworks: ['fireworks'],
  cerebras: ['cerebras'],
}

/** The published price of a model at a time (epoch ms), which for some depends on the hour; null: not known. */
export function publishedPrice(type: string, model: string, at: number): Price | null {
  const catalogues = Object.hasOwn(cataloguesOf, type) ? cataloguesOf[type] : undefined
  for (const providerId of catalogues ?? []) {
    const found = calcPrice({ input_tokens: 1 }, model, { providerId, timestamp: new Date(at) })
    const price =
      found && priceOf(found.model_price, `${catalogueName}: ${providerId}/${found.model.id}`)
    if (price) return price
  }
  return null
}

function priceOf(wire: ModelPrice, source: string): Price | null {
  const input = tokenPrice(wire['input_mtok'])
  const output = tokenPrice(wire['output_mtok'])
  if (!input || !output) return null
  const perThousand = wire['requests_kcount']
  return {
    input,
    output,
    cachedInput: tokenPrice(wire['cache_read_mtok']),
    cacheWrite: tokenPrice(wire['cache_write_mtok']),
    audioInput: tokenPrice(wire['input_audio_mtok']),
    audioOutput: tokenPrice(wire['output_audio_mtok']),
    perRequest: typeof perThousand === 'number' ? nanosOf(perThousand / 1000) : 0,
    source,
  }
}

function tokenPrice(wire: number | TieredPrices | undefined): TokenPrice | null {
  if (wire === undefined) return null
  if (typeof wire === 'number') return { base: nanosOf(wire), tiers: [] }
  const tiers = wire.tiers.map(({ start, price }) => ({ start, price: nanosOf(price) }))
  return { base: nanosOf(wire.base), tiers: tiers.toSorted((a, b) => a.start - b.start) }
}
