import { dollarsText } from '../../core/money.ts'
import type { Price, TokenPrice } from '../../core/price.ts'
import type { AdminDeps } from './admin-deps.ts'
import { type AdminRoute, bind } from './admin-route.ts'
import { missing } from './change.ts'
import { getEffectivePrice, listPrices } from './contract-money.ts'
import { timeText, timeTextOrNull } from './page.ts'

/** What models cost, and who says so. */
export function priceRoutes({ gateway, runtime }: AdminDeps): readonly AdminRoute[] {
  return [
    bind(listPrices, async () => {
      const own = [...gateway.snapshot.config.prices].flatMap(([model, list]) =>
        list.map(({ from, price }) => ({
          object: 'own_price' as const,
          model,
          from: timeTextOrNull(from === 0 ? null : from),
          price: showPrice(price),
          managed_by: 'file' as const,
        })),
      )
      return { body: { object: 'list', data: own } }
    }),
    bind(getEffectivePrice, async ({ query }) => {
      const at = query.at === undefined ? runtime.clock.now() : Date.parse(query.at)
      const slash = query.model.indexOf('/')
      const [name, model] = [query.model.slice(0, slash), query.model.slice(slash + 1)]
      const { providers, tariff } = gateway.snapshot
      const provider = providers.get(name)
      if (!provider) throw missing('provider')
      const { type, deployments } = provider.config
      const upstreamModel = deployments?.get(model) ?? model
      const price = tariff.prices.priceOf({ provider: name, type, model, upstreamModel }, at)
      return {
        body: {
          object: 'effective_price',
          model: query.model,
          at: timeText(at),
          price: price && showPrice(price),
        },
      }
    }),
  ]
}

const showPrice = (price: Price) => ({
  input: showTokens(price.input),
  output: showTokens(price.output),
  cached_input: price.cachedInput && showTokens(price.cachedInput),
  cache_write: price.cacheWrite && showTokens(price.cacheWrite),
  audio_input: price.audioInput && showTokens(price.audioInput),
  audio_output: price.audioOutput && showTokens(price.audioOutput),
  per_request_usd: dollarsText(price.perRequest),
  per_request_nanos: price.perRequest,
  source: price.source,
})

const showTokens = ({ base, tiers }: TokenPrice) => ({
  usd_per_million: dollarsText(base),
  nanos_per_million: base,
  tiers: tiers.map(({ start, price }) => ({
    above_input_tokens: start,
    usd_per_million: dollarsText(price),
    nanos_per_million: price,
  })),
})
