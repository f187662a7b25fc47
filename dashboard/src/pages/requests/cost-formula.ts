import type { getEffectivePrice, listLedger } from '../../../../src/api/admin/contract-money.ts'
import type { Answer } from '../../data/ask.ts'
import { formatCount, formatUsd, nanosToUsd } from '../../data/format.ts'

type Line = Answer<typeof listLedger>['data'][number]
export type Price = NonNullable<Answer<typeof getEffectivePrice>['price']>
type TokenPrice = Price['input']

/** The cost of a line as tokens times prices; null: the price known now is not the one it was reckoned by. */
export function costFormula(line: Line, price: Price): string | null {
  const { input_tokens: all } = line
  const audio = line.audio_input_tokens
  const plain = all - line.cached_input_tokens - line.cache_write_tokens - audio
  const parts = (
    [
      ['in', plain, price.input],
      ['cached', line.cached_input_tokens, price.cached_input ?? price.input],
      ['written to the cache', line.cache_write_tokens, price.cache_write ?? price.input],
      ['audio in', audio, price.audio_input ?? price.input],
      ['out', line.output_tokens - line.audio_output_tokens, price.output],
      ['audio out', line.audio_output_tokens, price.audio_output ?? price.output],
    ] as const
  ).filter(([, tokens]) => tokens > 0)
  const nanos = parts.reduce((sum, [, tokens, each]) => sum + tokens * rateOf(each, all), 0)
  const sum = price.per_request_nanos + nanos / 1e6
  if (line.cost_nanos === null || Math.abs(sum - line.cost_nanos) > 1) return null
  const request = price.per_request_nanos > 0 ? [`$${price.per_request_usd} a request`] : []
  const tokens = parts.map(
    ([what, count, each]) =>
      `${what} ${formatCount(count)} × ${formatUsd(nanosToUsd(rateOf(each, all)))}/M`,
  )
  return [...request, ...tokens].join(' + ')
}

/** A long prompt may cost more for each of its tokens. */
const rateOf = ({ nanos_per_million: base, tiers }: TokenPrice, inputTokens: number): number =>
  tiers.findLast(({ above_input_tokens: start }) => inputTokens >= start)?.nanos_per_million ?? base
