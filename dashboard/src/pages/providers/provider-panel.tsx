import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { ask } from '../../data/ask.ts'
import { useChange } from '../../data/use-change.ts'
import { Badge } from '../../parts/badge.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Table } from '../../parts/table.tsx'
import { standingText, type TargetHealth, toneOfStanding } from '../overview/provider-health.tsx'
import { ProviderSettingsForm } from './provider-form.tsx'
import { type KeyTask, ProviderKeyForm } from './provider-key-form.tsx'
import { type KeyAct, ProviderKeyTable } from './provider-key-table.tsx'
import { keyPathOf, type Provider, type ProviderKey, pathOf, rereads } from './provider-shapes.ts'
import { TestDialog } from './test-dialog.tsx'

type Open =
  | { readonly kind: 'key'; readonly task: KeyTask }
  | { readonly kind: 'settings' | 'test' | 'delete' }
  | { readonly kind: 'delete-key'; readonly key: ProviderKey }

/** One provider: how it stands, its keys, and how calls to it go. */
export function ProviderPanel(props: {
  readonly provider: Provider
  readonly targets: readonly TargetHealth[]
}) {
  const { provider, targets } = props
  const { name, shadowed, problem, warnings, keys, managed_by, version } = provider
  const [open, setOpen] = useState<Open | null>(null)
  const close = () => setOpen(null)
  const isGone = managed_by === 'api' && version === 0
  const act = (what: KeyAct, key: ProviderKey) => {
    if (what === 'switch') toggle.mutate(key)
    else if (what === 'delete') setOpen({ kind: 'delete-key', key })
    else setOpen({ kind: 'key', task: { act: what, key } })
  }
  const toggle = useChange(
    (key: ProviderKey) =>
      ask(`${keyPathOf(key)}/${key.enabled ? 'disable' : 'enable'}`, { method: 'POST' }),
    { rereads },
  )
  return (
    <section className="panel stack" aria-label={`Provider ${name}`}>
      <header>
        <h2>{name}</h2>
        <span className="dim">{provider.type}</span>
        {managed_by === 'file' && (
          <span className="dim" title="It stands in the configuration file and is changed there">
            <Icon name="lock" /> file
          </span>
        )}
        {shadowed && <Badge tone="info">shadowed by the file</Badge>}
        {problem !== null && <Badge tone="err">not in force</Badge>}
        <div className="actions">
          <Link to="/requests" search={{ provider: name }}>
            Its requests
          </Link>
          <Link to="/keys" search={{ tab: 'limits' }}>
            Its limits
          </Link>
          {!shadowed && !isGone && (
            <>
              <button type="button" onClick={() => setOpen({ kind: 'test' })}>
                Test {name}
              </button>
              <button
                type="button"
                onClick={() => setOpen({ kind: 'key', task: { act: 'create' } })}
              >
                Add key to {name}
              </button>
            </>
          )}
          {managed_by === 'api' && !isGone && (
            <>
              <button type="button" onClick={() => setOpen({ kind: 'settings' })}>
                Settings of {name}
              </button>
              <button type="button" className="danger" onClick={() => setOpen({ kind: 'delete' })}>
                Delete {name}
              </button>
            </>
          )}
        </div>
      </header>
      {problem !== null && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {warnings.map((warning) => (
        <p key={warning}>
          <Badge tone="warn">{warning}</Badge>
        </p>
      ))}
      {keys.length > 0 && <ProviderKeyTable provider={name} keys={keys} onAct={act} />}
      {!shadowed && targets.length > 0 && <Targets provider={name} targets={targets} />}
      {open?.kind === 'key' && (
        <ProviderKeyForm provider={provider} task={open.task} onClose={close} />
      )}
      {open?.kind === 'settings' && <ProviderSettingsForm provider={provider} onClose={close} />}
      {open?.kind === 'test' && (
        <TestDialog provider={provider} models={modelsOf(targets)} onClose={close} />
      )}
      {open?.kind === 'delete' && (
        <Deletion
          path={pathOf(provider)}
          name={name}
          text="Calls to it are refused from then on. Its keys are to be deleted before."
          onClose={close}
        />
      )}
      {open?.kind === 'delete-key' && (
        <Deletion
          path={keyPathOf(open.key)}
          name={open.key.name}
          text="Its credential is gone for good."
          onClose={close}
        />
      )}
    </section>
  )
}

const modelsOf = (targets: readonly TargetHealth[]): readonly string[] =>
  targets.map(({ model }) => model).filter((model) => !model.includes('*'))

function Deletion(props: {
  readonly path: string
  readonly name: string
  readonly text: string
  readonly onClose: () => void
}) {
  const { path, name, text, onClose } = props
  const remove = useChange<void, unknown>(() => ask(path, { method: 'DELETE' }), {
    rereads,
    told: () => `${name} was deleted`,
    onDone: onClose,
  })
  return (
    <Confirm
      title={`Delete ${name}`}
      text={remove.error?.message ?? text}
      verb="Delete"
      typed={name}
      isBusy={remove.isPending}
      onDo={() => remove.mutate()}
      onClose={onClose}
    />
  )
}

function Targets(props: { readonly provider: string; readonly targets: readonly TargetHealth[] }) {
  const { provider, targets } = props
  return (
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
              aria-label={`Try it: ${provider}/${model}`}
            >
              Try it
            </Link>
          ),
        },
      ]}
    />
  )
}
