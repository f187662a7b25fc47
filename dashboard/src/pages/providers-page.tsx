import type { listTargetHealth } from '../../../src/api/admin/contract-system.ts'
import type { Answer } from '../data/ask.ts'
import { useAnswer } from '../data/use-answer.ts'
import { Badge } from '../parts/badge.tsx'
import { Loaded } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { standingText, type TargetHealth, toneOfStanding } from './overview/provider-health.tsx'

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
            <section key={provider} className="panel">
              <h2>{provider}</h2>
              <Table<TargetHealth>
                label={`Targets of ${provider}`}
                rows={data.filter((each) => each.provider === provider)}
                keyOf={({ model }) => model}
                columns={[
                  {
                    name: 'Model',
                    kind: 'main',
                    cell: ({ model }) => (model === '*' ? 'all' : model),
                  },
                  {
                    name: 'Keys',
                    cell: ({ keys }) =>
                      keys.map((key) => (
                        <div key={key.key ?? ''}>
                          <Badge tone={toneOfStanding(key.state)}>{standingText(key)}</Badge>
                        </div>
                      )),
                  },
                ]}
              />
            </section>
          ))
        }
      </Loaded>
    </div>
  )
}
