import { useState } from 'react'
import { ask } from '../../data/ask.ts'
import { useAnswer } from '../../data/use-answer.ts'
import { useChange } from '../../data/use-change.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Check, Field } from '../../parts/field.tsx'
import { AllowanceFields, allowanceBody, toAllowance } from './allowance-fields.tsx'
import { type Customer, keysPath, type NewKey, type Team, type VirtualKey } from './key-shapes.ts'

/** A key to be made, or one to be changed. */
export function KeyForm(props: {
  readonly before: VirtualKey | null
  readonly onClose: () => void
  readonly onMade: (key: NewKey) => void
}) {
  const { before, onClose, onMade } = props
  const [name, setName] = useState(before?.name ?? '')
  const [models, setModels] = useState(before?.models?.join(', ') ?? '')
  const [team, setTeam] = useState(before?.team ?? '')
  const [customer, setCustomer] = useState(before?.customer ?? '')
  const [expires, setExpires] = useState(before?.expires_at?.slice(0, 16) ?? '')
  const [logContent, setLogContent] = useState(before?.log_content ?? true)
  const [allowance, setAllowance] = useState(
    toAllowance(before?.limits ?? null, before?.budget ?? null),
  )
  const teams = useAnswer<{ data: readonly Team[] }>('/api/teams', { limit: '200' })
  const customers = useAnswer<{ data: readonly Customer[] }>('/api/customers', { limit: '200' })
  const save = useChange<void, NewKey>(
    () =>
      ask(before ? `${keysPath}/${before.id}` : keysPath, {
        method: before ? 'PATCH' : 'POST',
        ifVersion: before?.version,
        body: {
          name,
          models: namesIn(models),
          team: team || null,
          customer: customer || null,
          expires_at: expires === '' ? null : new Date(`${expires}Z`).toISOString(),
          log_content: logContent,
          ...allowanceBody(allowance, before?.budget ?? null),
        },
      }),
    {
      rereads: [keysPath, '/api/budgets'],
      ...(before && { told: () => `${name} was changed` }),
      onDone: (key) => {
        onClose()
        if (!before) onMade(key)
      },
    },
  )
  const problem = (param: string) => (save.error?.param === param ? save.error.message : null)
  return (
    <Dialog title={before ? `Change ${before.name}` : 'A new key'} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <Field
          label="Name"
          value={name}
          onChange={setName}
          required
          placeholder="team-web"
          problem={problem('name')}
        />
        <Field
          label="Models"
          value={models}
          onChange={setModels}
          placeholder="all"
          hint="Names with commas between; * stands for anything. Empty: all."
          problem={problem('models')}
        />
        <div className="fields">
          <Field
            label="Team"
            value={team}
            onChange={setTeam}
            list={(teams.data?.data ?? []).map((each) => each.name)}
            problem={problem('team')}
          />
          <Field
            label="Customer"
            value={customer}
            onChange={setCustomer}
            list={(customers.data?.data ?? []).map((each) => each.name)}
            problem={problem('customer')}
          />
          <Field
            label="Good until (UTC)"
            type="datetime-local"
            value={expires}
            onChange={setExpires}
            hint="Empty: for ever."
            problem={problem('expires_at')}
          />
        </div>
        <Check
          label="What is said may be kept, where the request log keeps it"
          checked={logContent}
          onChange={setLogContent}
        />
        <AllowanceFields value={allowance} onChange={setAllowance} error={save.error} />
        {save.error && !save.error.param && <p className="problem">{save.error.message}</p>}
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={save.isPending}>
            {before ? 'Save' : 'Create key'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function namesIn(text: string): readonly string[] | null {
  const names = text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
  return names.length > 0 ? names : null
}
