import { Link } from '@tanstack/react-router'
import type { listTargetHealth } from '../../../src/api/admin/contract-system.ts'
import type { Answer } from '../data/ask.ts'
import { useAnswer } from '../data/use-answer.ts'
import { Badge } from '../parts/badge.tsx'
import { Code } from '../parts/code.tsx'
import { Loaded } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { standingText, type TargetHealth, toneOfStanding } from './overview/provider-health.tsx'

const example = `providers:
  openai:
    keys: [{ name: main, value: "\${OPENAI_API_KEY}" }]
  local:
    type: openai-compatible
    base_url: http://127.0.0.1:9000/v1`

/** How each provider is, with its keys. */
export function ProvidersPage() {
  const health = useAnswer<Answer<typeof listTargetHealth>>(
    '/api/health/targets',
    {},
    { everyMs: 5000 },
  )
  return (
    <div className="stack">
      <header className="page-head">
        <h1>Providers</h1>
      </header>
      <Loaded query={health}>
        {({ data }) =>
          [...new Set(data.map(({ provider }) => provider))].map((provider) => (
            <ProviderPanel
              key={provider}
              provider={provider}
              targets={data.filter((each) => each.provider === provider)}
            />
          ))
        }
      </Loaded>
      <section className="panel stack">
        <h2>Another provider</h2>
        <p>
          Providers stand in the configuration file. A file that is changed is read at once, without
          a restart.
        </p>
        <Code text={example} />
      </section>
    </div>
  )
}

function ProviderPanel(props: {
  readonly provider: string
  readonly targets: readonly TargetHealth[]
}) {
  const { provider, targets } = props
  return (
    <section className="panel">
      <header>
        <h2>{provider}</h2>
        <div className="actions">
          <Link to="/requests" search={{ provider }}>
            Its requests
          </Link>
          <Link to="/keys" search={{ tab: 'limits' }}>
            Its limits
          </Link>
        </div>
      </header>
      <Table<TargetHealth>
        label={`Targets of ${provider}`}
        rows={targets}
        keyOf={({ model }) => model}
        columns={[
          { name: 'Model', kind: 'main', cell: ({ model }) => (model === '*' ? 'all' : model) },
          {
            name: 'Keys',
            cell: ({ keys }) =>
              keys.map((key) => (
                <div key={key.key ?? ''}>
                  <Badge tone={toneOfStanding(key.state)}>{standingText(key)}</Badge>
                </div>
              )),
          },
          {
            name: 'Test call',
            cell: ({ model }) => (
              <Link
                to="/playground"
                search={{ model: `${provider}/${model === '*' ? '' : model}` }}
                aria-label={`Try ${provider}/${model}`}
              >
                Try it
              </Link>
            ),
          },
        ]}
      />
    </section>
  )
}
