import { useState } from 'react'
import { ask } from '../../data/ask.ts'
import { useChange } from '../../data/use-change.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Field } from '../../parts/field.tsx'
import { AllowanceFields, allowanceBody, toAllowance } from './allowance-fields.tsx'
import type { Tenant, TenantKind } from './tenant-list.tsx'

export function TenantForm(props: {
  readonly kind: TenantKind
  readonly before: Tenant | null
  readonly onClose: () => void
}) {
  const { kind, before, onClose } = props
  const path = `/api/${kind}`
  const [name, setName] = useState(before?.name ?? '')
  const [customer, setCustomer] = useState(
    before && 'customer' in before ? (before.customer ?? '') : '',
  )
  const [allowance, setAllowance] = useState(
    toAllowance(before?.limits ?? null, before?.budget ?? null),
  )
  const save = useChange<void, unknown>(
    () =>
      ask(before ? `${path}/${before.id}` : path, {
        method: before ? 'PATCH' : 'POST',
        ifVersion: before?.version,
        body: {
          name,
          ...(kind === 'teams' && { customer: customer || null }),
          ...allowanceBody(allowance, before?.budget ?? null),
        },
      }),
    { rereads: [path, '/api/budgets'], onDone: onClose },
  )
  const problem = (param: string) => (save.error?.param === param ? save.error.message : null)
  const what = kind === 'teams' ? 'team' : 'customer'
  return (
    <Dialog title={before ? `Change ${before.name}` : `A new ${what}`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <Field label="Name" value={name} onChange={setName} required problem={problem('name')} />
        {kind === 'teams' && (
          <Field
            label="Customer"
            value={customer}
            onChange={setCustomer}
            problem={problem('customer')}
          />
        )}
        <AllowanceFields value={allowance} onChange={setAllowance} error={save.error} />
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={save.isPending}>
            {before ? 'Save' : `Create ${what}`}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
