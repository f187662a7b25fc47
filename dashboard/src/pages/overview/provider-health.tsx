import { Link } from '@tanstack/react-router'
import type { listTargetHealth } from '../../../../src/api/admin/contract-system.ts'
import type { Answer } from '../../data/ask.ts'
import { formatDistance } from '../../data/format.ts'
import { useAnswer } from '../../data/use-answer.ts'
import { Badge, type Tone } from '../../parts/badge.tsx'
import { Loaded } from '../../parts/states.tsx'

export type TargetHealth = Answer<typeof listTargetHealth>['data'][number]
type Standing = TargetHealth['keys'][number]

/** What is unhealthy and why; what is well is only counted. */
export function ProviderHealth() {
  const health = useAnswer<Answer<typeof listTargetHealth>>(
    '/api/health/targets',
    {},
    { everyMs: 5000 },
  )
  return (
    <section className="panel">
      <header>
        <h2>Health</h2>
        <div className="actions">
          <Link to="/providers" search={{}}>
            Providers
          </Link>
        </div>
      </header>
      <Loaded query={health}>
        {({ data }) => (
          <ul className="lines">
            {byProvider(data).map(({ provider, ready, all, troubles }) => (
              <li key={provider}>
                <span>{provider}</span>
                <Badge tone={troubles.length === 0 ? 'ok' : ready === 0 ? 'err' : 'warn'}>
                  {troubles.length === 0 ? 'ok' : ready === 0 ? 'down' : 'degraded'}
                </Badge>
                <span className="dim">
                  {troubles[0] ?? `${ready} of ${all} ways ready`}
                  {troubles.length > 1 && `, and ${troubles.length - 1} more`}
                </span>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  )
}

function byProvider(targets: readonly TargetHealth[]) {
  const providers = [...new Set(targets.map(({ provider }) => provider))]
  return providers.map((provider) => {
    const ways = targets
      .filter((each) => each.provider === provider)
      .flatMap(({ model, keys }) => keys.map((key) => ({ model, key })))
    const ill = ways.filter(({ key }) => key.state !== 'ready')
    return {
      provider,
      all: ways.length,
      ready: ways.length - ill.length,
      troubles: ill.map(
        ({ model, key }) => `${model === '*' ? 'all models' : model}: ${standingText(key)}`,
      ),
    }
  })
}

const words: Readonly<Record<Standing['state'], string>> = {
  ready: 'ready',
  cooling: 'resting after a rate limit',
  refused: 'refused by the provider',
  open: 'closed off after failures',
  'half-open': 'being tried again',
}

export const toneOfStanding = (state: Standing['state']): Tone =>
  state === 'ready' ? 'ok' : state === 'refused' || state === 'open' ? 'err' : 'warn'

export function standingText({ key, state, until }: Standing): string {
  const end = until === null ? '' : `, again ${formatDistance(until, Date.now())}`
  return `${key === null ? '' : `key ${key} `}${words[state]}${end}`
}
