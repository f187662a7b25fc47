import { useState } from 'react'
import { ask } from '../../data/ask.ts'
import { useChange } from '../../data/use-change.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Field } from '../../parts/field.tsx'
import {
  keyFieldsOf,
  keyPathOf,
  namesIn,
  type Provider,
  type ProviderKey,
  pathOf,
  rereads,
} from './provider-shapes.ts'

export type KeyTask =
  | { readonly act: 'create' }
  | { readonly act: 'change' | 'rotate'; readonly key: ProviderKey }

const titleOf = (task: KeyTask, { name }: Provider): string => {
  if (task.act === 'create') return `A key for ${name}`
  return `${task.act === 'change' ? 'Change' : 'Rotate'} ${task.key.name}`
}

/** A key to be made, changed, or given another credential, which is typed here once and shown nowhere. */
export function ProviderKeyForm(props: {
  readonly provider: Provider
  readonly task: KeyTask
  readonly onClose: () => void
}) {
  const { provider, task, onClose } = props
  const before = task.act === 'create' ? null : task.key
  const [name, setName] = useState(before?.name ?? 'main')
  const [weight, setWeight] = useState(String(before?.weight ?? 1))
  const [models, setModels] = useState(before?.models?.join(', ') ?? '')
  const [given, setGiven] = useState<Readonly<Record<string, string>>>({})
  const wanted = keyFieldsOf(provider.type).filter(
    ({ isSecret }) => task.act === 'create' || (isSecret === true) === (task.act === 'rotate'),
  )
  const typed = Object.fromEntries(Object.entries(given).filter(([, text]) => text !== ''))
  const own = { name, weight: Number(weight), models: namesIn(models) }
  const save = useChange<void, ProviderKey>(
    () => {
      if (task.act === 'create')
        return ask(`${pathOf(provider)}/keys`, { method: 'POST', body: { ...own, ...typed } })
      const { version: ifVersion } = task.key
      return task.act === 'rotate'
        ? ask(`${keyPathOf(task.key)}/rotate`, { method: 'POST', ifVersion, body: typed })
        : ask(keyPathOf(task.key), { method: 'PATCH', ifVersion, body: { ...own, ...typed } })
    },
    {
      rereads,
      told: (key) =>
        ({
          create: `${key.name} is in force`,
          change: `${key.name} was changed`,
          rotate: `${key.name} has another credential`,
        })[task.act],
      onDone: onClose,
    },
  )
  const problem = (param: string) => (save.error?.param === param ? save.error.message : null)
  const shown = ['name', 'weight', 'models', ...wanted.map((field) => field.name)]
  return (
    <Dialog title={titleOf(task, provider)} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        {task.act !== 'rotate' && (
          <Field label="Name" value={name} onChange={setName} required problem={problem('name')} />
        )}
        {wanted.map((field) => (
          <Field
            key={field.name}
            label={field.label}
            type={field.isSecret ? 'password' : 'text'}
            autoComplete={field.isSecret ? 'new-password' : 'off'}
            value={given[field.name] ?? ''}
            onChange={(text) => setGiven({ ...given, [field.name]: text })}
            placeholder={String(before?.settings[field.name as never] ?? '')}
            problem={problem(field.name)}
          />
        ))}
        {task.act !== 'rotate' && (
          <div className="fields">
            <Field
              label="Models"
              value={models}
              onChange={setModels}
              placeholder="all"
              hint="Names with commas between; * stands for anything."
              problem={problem('models')}
            />
            <Field
              label="Weight"
              type="number"
              value={weight}
              onChange={setWeight}
              hint="Its share against the other keys."
              problem={problem('weight')}
            />
          </div>
        )}
        {task.act !== 'change' && (
          <small>It is kept encrypted and never shown again, here or elsewhere.</small>
        )}
        {save.error && !shown.includes(save.error.param ?? '') && (
          <p className="problem" role="alert">
            {save.error.message}
          </p>
        )}
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={save.isPending}>
            {task.act === 'create' ? 'Add key' : 'Save'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
