import { useState } from 'react'
import { ask } from '../../data/ask.ts'
import { useAnswer } from '../../data/use-answer.ts'
import { useChange } from '../../data/use-change.ts'
import { Code } from '../../parts/code.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import { Table } from '../../parts/table.tsx'
import { BudgetMeter } from './budget-meter.tsx'
import { type Budgets, type Customer, limitsText, type Team } from './key-shapes.ts'
import { TenantForm } from './tenant-form.tsx'

export type Tenant = Team | Customer
export type TenantKind = 'teams' | 'customers'

const words = {
  teams: { one: 'team', scope: 'team', what: 'A team shares limits and a budget among its keys.' },
  customers: {
    one: 'customer',
    scope: 'customer',
    what: 'A customer shares limits and a budget among its teams and keys.',
  },
} as const

/** Whom keys belong to; both kinds differ in little. */
export function TenantList({ kind }: { readonly kind: TenantKind }) {
  const path = `/api/${kind}`
  const { one, scope, what } = words[kind]
  const [open, setOpen] = useState<{ act: 'form' | 'delete'; tenant: Tenant | null } | null>(null)
  const tenants = useAnswer<{ readonly data: readonly Tenant[] }>(path, { limit: '200' })
  const budgets = useAnswer<Budgets>('/api/budgets', { scope }, { everyMs: 10_000 })
  const close = () => setOpen(null)
  const remove = useChange(({ id }: Tenant) => ask(`${path}/${id}`, { method: 'DELETE' }), {
    rereads: [path],
    onDone: close,
  })
  return (
    <div className="stack">
      <div className="actions">
        <button
          type="button"
          className="primary"
          onClick={() => setOpen({ act: 'form', tenant: null })}
        >
          New {one}
        </button>
      </div>
      <Loaded query={tenants}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty title={`No ${kind} yet`}>
              <p>{what}</p>
              <Code
                text={`curl -u admin ${location.origin}${path} \\\n  -H 'Content-Type: application/json' \\\n  -d '{"name":"web","budget":{"usd":"500.00","per":"month"}}'`}
              />
            </Empty>
          ) : (
            <Table<Tenant>
              label={kind}
              rows={data}
              keyOf={({ id }) => id}
              columns={[
                { name: 'Name', kind: 'main', cell: ({ name }) => <b>{name}</b> },
                {
                  name: 'Customer',
                  isSide: true,
                  cell: (tenant) => ('customer' in tenant ? (tenant.customer ?? '–') : '–'),
                },
                { name: 'Limits', isSide: true, cell: ({ limits }) => limitsText(limits) },
                {
                  name: 'Budget',
                  cell: (tenant) => (
                    <BudgetMeter
                      name={tenant.name}
                      budget={tenant.budget}
                      state={budgets.data?.data.find(({ id }) => id === tenant.id)}
                    />
                  ),
                },
                {
                  name: 'Actions',
                  cell: (tenant) =>
                    tenant.managed_by === 'api' && (
                      <div className="actions">
                        <button
                          type="button"
                          aria-label={`Change ${tenant.name}`}
                          onClick={() => setOpen({ act: 'form', tenant })}
                        >
                          Change
                        </button>
                        <button
                          type="button"
                          className="danger"
                          aria-label={`Delete ${tenant.name}`}
                          onClick={() => setOpen({ act: 'delete', tenant })}
                        >
                          Delete
                        </button>
                      </div>
                    ),
                },
              ]}
            />
          )
        }
      </Loaded>
      {open?.act === 'form' && <TenantForm kind={kind} before={open.tenant} onClose={close} />}
      {open?.act === 'delete' && open.tenant && (
        <Confirm
          title={`Delete ${open.tenant.name}`}
          text={`A ${one} that something belongs to is not deleted.`}
          verb="Delete"
          typed={open.tenant.name}
          isBusy={remove.isPending}
          onDo={() => open.tenant && remove.mutate(open.tenant)}
          onClose={close}
        />
      )}
    </div>
  )
}
