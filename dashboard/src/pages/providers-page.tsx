import { useState } from 'react'
import type { listTargetHealth } from '../../../src/api/admin/contract-system.ts'
import type { Answer } from '../data/ask.ts'
import { useAnswer } from '../data/use-answer.ts'
import { Loaded } from '../parts/states.tsx'
import { NewProviderForm } from './providers/provider-form.tsx'
import { ProviderPanel } from './providers/provider-panel.tsx'
import { type ProviderPage, providersPath } from './providers/provider-shapes.ts'

/** How each provider is, with its keys, and what can be done about it. */
export function ProvidersPage() {
  const [isMaking, setMaking] = useState(false)
  const providers = useAnswer<ProviderPage>(providersPath, { limit: '200' }, { everyMs: 5000 })
  const health = useAnswer<Answer<typeof listTargetHealth>>(
    '/api/health/targets',
    {},
    { everyMs: 5000 },
  )
  return (
    <div className="stack">
      <header className="page-head">
        <h1>Providers</h1>
        <div className="actions">
          <button type="button" className="primary" onClick={() => setMaking(true)}>
            New provider
          </button>
        </div>
      </header>
      <Loaded query={providers}>
        {({ data }) =>
          data.map((each) => (
            <ProviderPanel
              key={each.id}
              provider={each}
              targets={(health.data?.data ?? []).filter(({ provider }) => provider === each.name)}
            />
          ))
        }
      </Loaded>
      <p className="dim">
        Providers of the configuration file are changed there; a file that is changed is read at
        once, without a restart.
      </p>
      {isMaking && <NewProviderForm onClose={() => setMaking(false)} />}
    </div>
  )
}
