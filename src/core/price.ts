import type { Usage } from './chat.ts'
import type { Nanos } from './money.ts'

/** Nano-dollars for a million tokens, which may rise with the size of the prompt. */
export interface TokenPrice {
  readonly base: Nanos
  /** From `start` input tokens on the whole of it costs `price`; rising. */
  readonly tiers: readonly { readonly start: number; readonly price: Nanos }[]
}

/** What a model costs. Null: as the plain input, or output, price. */
export interface Price {
  readonly input: TokenPrice
  readonly output: TokenPrice
  readonly cachedInput: TokenPrice | null
  readonly cacheWrite: TokenPrice | null
  readonly audioInput: TokenPrice | null
  readonly audioOutput: TokenPrice | null
  /** Of every request, whatever it holds. */
  readonly perRequest: Nanos
  /** Where it is from and of which date, for the ledger: what was reckoned by it can be found again. */
  readonly source: string
}

/** A price of the operator's own, in force from a time on (epoch ms). */
export interface OwnPrice {
  readonly from: number
  readonly price: Price
}

const million = 1_000_000n
/** Below it sums and a division by a million are exact to the last digit. */
const exactAtMost = 1e15

/** Exact to the nano-dollar, rounded once, half up. Reasoning tokens are output and cost as much. */
export function costOf(usage: Usage, price: Price): Nanos {
  const { inputTokens, outputTokens } = usage
  // Nothing apart from plain text, as with most calls.
  if (usage.cachedInputTokens === 0 && !usage.cacheWriteTokens && !hasAudio(usage)) {
    const whole =
      inputTokens * at(price.input, inputTokens) + outputTokens * at(price.output, inputTokens)
    if (whole < exactAtMost) return price.perRequest + Math.floor((whole + 500_000) / 1_000_000)
  }
  const cached = Math.min(usage.cachedInputTokens, inputTokens)
  const written = Math.min(usage.cacheWriteTokens ?? 0, inputTokens - cached)
  const heard = Math.min(usage.audioInputTokens ?? 0, inputTokens - cached - written)
  const spoken = Math.min(usage.audioOutputTokens ?? 0, outputTokens)
  const parts: readonly (readonly [number, TokenPrice | null, TokenPrice])[] = [
    [inputTokens - cached - written - heard, price.input, price.input],
    [cached, price.cachedInput, price.input],
    [written, price.cacheWrite, price.input],
    [heard, price.audioInput, price.input],
    [outputTokens - spoken, price.output, price.output],
    [spoken, price.audioOutput, price.output],
  ]
  let [whole, isExact] = [0, true]
  for (const [tokens, own, otherwise] of parts)
    if (tokens > 0) {
      whole += tokens * at(own ?? otherwise, inputTokens)
      isExact &&= whole < exactAtMost
    }
  // Usual amounts are exact as plain numbers, which costs a tenth of the other way.
  if (isExact) return price.perRequest + Math.floor((whole + 500_000) / 1_000_000)
  let sum = BigInt(price.perRequest) * million
  for (const [tokens, own, otherwise] of parts)
    if (tokens > 0) sum += BigInt(tokens) * BigInt(at(own ?? otherwise, inputTokens))
  return Number((sum + million / 2n) / million)
}

/** The most that so many tokens can cost, whatever of them is cached or heard. */
export function mostOf(inputTokens: number, outputTokens: number, price: Price): Nanos {
  const dearest = (...prices: readonly (TokenPrice | null)[]): bigint =>
    prices.reduce((most, each) => {
      const one = each ? BigInt(at(each, inputTokens)) : 0n
      return one > most ? one : most
    }, 0n)
  const { input, cachedInput, cacheWrite, audioInput, output, audioOutput, perRequest } = price
  const sum =
    BigInt(inputTokens) * dearest(input, cachedInput, cacheWrite, audioInput) +
    BigInt(outputTokens) * dearest(output, audioOutput)
  return perRequest + Number((sum + million - 1n) / million)
}

const hasAudio = ({ audioInputTokens, audioOutputTokens }: Usage): boolean =>
  (audioInputTokens ?? 0) + (audioOutputTokens ?? 0) > 0

function at({ base, tiers }: TokenPrice, inputTokens: number): Nanos {
  let price = base
  for (const tier of tiers) if (inputTokens > tier.start) price = tier.price
  return price
}
