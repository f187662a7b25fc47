import type { Candidate, KeyStanding } from '../../gateway/explain.ts'
import type { HedgeOfForm, HedgeOutlook } from '../../gateway/explain-hedge.ts'
import type { AdminDeps } from './admin-deps.ts'
import { type AdminRoute, bind } from './admin-route.ts'
import { explainRoute, listRoutes, listTargetHealth } from './contract-system.ts'
import { timeTextOrNull } from './page.ts'

/** Where calls go, and how it is there. */
export function routeRoutes({ gateway }: AdminDeps): readonly AdminRoute[] {
  return [
    bind(explainRoute, async ({ body: { model, fallbacks = [], virtual_key, session = null } }) => {
      const question = { model, fallbacks, virtualKey: virtual_key ?? null, session }
      const { candidates, route, hedge } = gateway.explain(question)
      return {
        body: {
          model,
          route,
          candidates: candidates.map(showCandidate),
          hedge: hedge && showHedge(hedge),
        },
      }
    }),
    bind(listTargetHealth, async () => ({
      body: {
        object: 'list',
        data: gateway.targetHealth().map(({ provider, model, keys }) => ({
          provider,
          model,
          keys: keys.map(showKey),
        })),
      },
    })),
    bind(listRoutes, async () => {
      const { publicNames, providers } = gateway.snapshot.names
      const named = [...publicNames.values()].map((route) => ({
        object: 'route' as const,
        name: route.name,
        strategy: route.strategy,
        targets: route.targets.map(({ provider, model, weight }) => ({ provider, model, weight })),
        fallbacks: route.fallbacks.map(({ name }) => name),
        hedge: route.hedge !== null,
        managed_by: 'file' as const,
      }))
      const known = [...providers.values()].flatMap(({ name: provider, listed }) =>
        listed
          .filter((model) => !model.includes('*'))
          .map((model) => ({
            object: 'route' as const,
            name: `${provider}/${model}`,
            strategy: 'priority' as const,
            targets: [{ provider, model, weight: 1 }],
            fallbacks: [],
            hedge: false,
            managed_by: 'provider' as const,
          })),
      )
      return { body: { object: 'list', data: [...named, ...known] } }
    }),
  ]
}

const showHedge = ({ extraPercent, to, plain, stream }: HedgeOutlook) => ({
  extra_percent: extraPercent,
  to,
  plain: showForm(plain),
  stream: showForm(stream),
})

const showForm = ({ afterMs, samples, whyNot }: HedgeOfForm) => ({
  after_ms: afterMs,
  samples,
  why_not: whyNot,
})

const showCandidate = ({ upstreamModel, keys, ...rest }: Candidate) => ({
  ...rest,
  upstream_model: upstreamModel,
  keys: keys.map(showKey),
})

const showKey = ({ quotaGroup, until, ...rest }: KeyStanding) => ({
  ...rest,
  quota_group: quotaGroup,
  until: timeTextOrNull(until),
})
