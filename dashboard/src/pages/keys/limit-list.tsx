import { useState } from 'react'
import type { listLimits } from '../../../../src/api/admin/contract-tenants.ts'
import { type Answer, ask } from '../../data/ask.ts'
import { useAnswer } from '../../data/use-answer.ts'
import { useChange } from '../../data/use-change.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Field, Select } from '../../parts/field.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import { Table } from '../../parts/table.tsx'
import { AllowanceFields, allowanceBody, toAllowance } from './allowance-fields.tsx'
import { BudgetMeter } from './budget-meter.tsx'
import { type Budgets, limitsText } from './key-shapes.ts'

type Limit = Answer<typeof listLimits>['data'][number]
const path = '/api/limits'

const limitPath = ({ kind, name }: Pick<Limit, 'kind' | 'name'>): string =>
  `${path}/${kind}/${name.split('/').map(encodeURIComponent).join('/')}`

/** What providers and models may be used for by all callers together. */
export function LimitList() {
  const [open, setOpen] = useState<Limit | 'new' | null>(null)
  const limits = useAnswer<Answer<typeof listLimits>>(path)
  const budgets = useAnswer<Budgets>('/api/budgets', {}, { everyMs: 10_000 })
  const remove = useChange((limit: Limit) => ask(limitPath(limit), { method: 'DELETE' }), {
    rereads: [path],
    told: () => 'The limit was taken away',
  })
  return (
    <div className="stack">
      <div className="actions">
        <button type="button" className="primary" onClick={() => setOpen('new')}>
          New limit
        </button>
      </div>
      <Loaded query={limits}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty title="Providers and models are not limited">
              <p>
                A limit here holds for all callers together: to stay below a provider’s own rate, or
                to cap what an expensive model may cost.
              </p>
            </Empty>
          ) : (
            <Table<Limit>
              label="Limits of providers and models"
              rows={data}
              keyOf={({ kind, name, managed_by }) => `${kind} ${name} ${managed_by}`}
              columns={[
                { name: 'Of', kind: 'main', cell: ({ kind, name }) => `${kind} ${name}` },
                { name: 'Limits', cell: (limit) => limitsText(limit.limits) },
                {
                  name: 'Budget',
                  cell: ({ name, kind, budget }) => (
                    <BudgetMeter
                      name={name}
                      budget={budget}
                      state={budgets.data?.data.find(
                        (each) => each.scope === kind && each.name === name,
                      )}
                    />
                  ),
                },
                {
                  name: 'From',
                  isSide: true,
                  cell: ({ managed_by, shadowed }) =>
                    shadowed ? 'shadowed by the file' : managed_by,
                },
                {
                  name: 'Actions',
                  cell: (limit) =>
                    limit.managed_by === 'api' && (
                      <div className="actions">
                        <button
                          type="button"
                          aria-label={`Change ${limit.name}`}
                          onClick={() => setOpen(limit)}
                        >
                          Change
                        </button>
                        <button
                          type="button"
                          className="danger"
                          aria-label={`Take away the limit of ${limit.name}`}
                          onClick={() => remove.mutate(limit)}
                        >
                          Take away
                        </button>
                      </div>
                    ),
                },
              ]}
            />
          )
        }
      </Loaded>
      {open !== null && (
        <LimitForm before={open === 'new' ? null : open} onClose={() => setOpen(null)} />
      )}
    </div>
  )
}

function LimitForm(props: { readonly before: Limit | null; readonly onClose: () => void }) {
  const { before, onClose } = props
  const [kind, setKind] = useState<string>(before?.kind ?? 'provider')
  const [name, setName] = useState(before?.name ?? '')
  const [allowance, setAllowance] = useState(
    toAllowance(before?.limits ?? null, before?.budget ?? null),
  )
  const save = useChange<void, unknown>(
    () =>
      ask(limitPath({ kind: kind as Limit['kind'], name }), {
        method: 'PUT',
        ifVersion: before?.version,
        body: allowanceBody(allowance, before?.budget ?? null),
      }),
    { rereads: [path, '/api/budgets'], onDone: onClose },
  )
  return (
    <Dialog title={before ? `Change ${before.name}` : 'A new limit'} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        {before === null && (
          <div className="fields">
            <Select
              label="Of a"
              value={kind}
              onChange={setKind}
              options={[
                ['provider', 'provider'],
                ['model', 'model'],
              ]}
            />
            <Field label="Name" value={name} onChange={setName} required />
          </div>
        )}
        <AllowanceFields value={allowance} onChange={setAllowance} error={save.error} />
        {save.error && !save.error.param && <p className="problem">{save.error.message}</p>}
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={save.isPending}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  )
}
