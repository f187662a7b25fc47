import { useState } from 'react'
import type { explainRoute, listRoutes } from '../../../src/api/admin/contract-system.ts'
import { useUrlState } from '../app/url-state.ts'
import { type Answer, ask } from '../data/ask.ts'
import { useAnswer } from '../data/use-answer.ts'
import { useChange } from '../data/use-change.ts'
import { Code } from '../parts/code.tsx'
import { Field } from '../parts/field.tsx'
import { Empty, Loaded } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { Explained, type Explanation } from './routing/explained.tsx'

type Route = Answer<typeof listRoutes>['data'][number]

/** Public names and where they lead, and what a call would do now. */
export function RoutingPage() {
  const [{ model: asked = '' }, change] = useUrlState()
  const routes = useAnswer<Answer<typeof listRoutes>>('/api/models')
  return (
    <div className="stack">
      <header className="page-head">
        <h1>Routing</h1>
      </header>
      <Simulator
        key={asked}
        model={asked}
        names={(routes.data?.data ?? []).map(({ name }) => name)}
      />
      <section className="panel">
        <h2>Routes</h2>
        <Loaded query={routes}>
          {({ data }) =>
            data.length === 0 ? (
              <Empty title="No public names yet">
                <p>Callers use provider/model. A name of your own may have several targets:</p>
                <Code
                  text={
                    'models:\n  smart:\n    strategy: priority\n    targets: [{ model: openai/gpt-4o }]\n    fallbacks: [anthropic/claude-sonnet-4-5]'
                  }
                />
              </Empty>
            ) : (
              <Table<Route>
                label="Routes"
                rows={data}
                keyOf={({ name }) => name}
                onOpen={({ name }) => change({ model: name }, { push: true })}
                columns={[
                  { name: 'Name', kind: 'main', cell: ({ name }) => name },
                  {
                    name: 'Strategy',
                    isSide: true,
                    cell: ({ strategy, targets }) => (targets.length > 1 ? strategy : '–'),
                  },
                  {
                    name: 'Targets',
                    cell: ({ targets }) =>
                      targets
                        .map(
                          ({ provider, model, weight }) =>
                            `${provider}/${model}${targets.length > 1 ? ` ×${weight}` : ''}`,
                        )
                        .join(', '),
                  },
                  {
                    name: 'Fallbacks',
                    isSide: true,
                    cell: ({ fallbacks }) => fallbacks.join(' › ') || '–',
                  },
                  { name: 'From', isSide: true, cell: ({ managed_by }) => managed_by },
                ]}
              />
            )
          }
        </Loaded>
      </section>
    </div>
  )
}

function Simulator({
  model: given,
  names,
}: {
  readonly model: string
  readonly names: readonly string[]
}) {
  const [model, setModel] = useState(given)
  const [fallbacks, setFallbacks] = useState('')
  const [key, setKey] = useState('')
  const [session, setSession] = useState('')
  const explain = useChange<void, Explanation & Answer<typeof explainRoute>>(
    () =>
      ask('/api/explain', {
        method: 'POST',
        body: {
          model,
          fallbacks: fallbacks
            .split(',')
            .map((each) => each.trim())
            .filter(Boolean),
          virtual_key: key || null,
          session: session || null,
        },
      }),
    { rereads: [] },
  )
  return (
    <section className="panel">
      <h2>What would a call do?</h2>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault()
          explain.mutate()
        }}
      >
        <div className="fields">
          <Field
            label="Model"
            value={model}
            onChange={setModel}
            list={names}
            required
            placeholder="openai/gpt-4o"
          />
          <Field
            label="Fallbacks of the request"
            value={fallbacks}
            onChange={setFallbacks}
            placeholder="none"
          />
          <Field label="As the key" value={key} onChange={setKey} placeholder="the admin" />
          <Field label="Session" value={session} onChange={setSession} placeholder="none" />
        </div>
        <div className="actions">
          <span className="dim">Nothing is sent to a provider.</span>
          <button type="submit" className="primary" disabled={explain.isPending}>
            Explain
          </button>
        </div>
      </form>
      {explain.data && <Explained explanation={explain.data} />}
    </section>
  )
}
