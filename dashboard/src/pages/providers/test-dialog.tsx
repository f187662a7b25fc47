import { useState } from 'react'
import { ask } from '../../data/ask.ts'
import { useChange } from '../../data/use-change.ts'
import { Badge } from '../../parts/badge.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Field } from '../../parts/field.tsx'
import { type Provider, pathOf, rereads, type Tested } from './provider-shapes.ts'

/** A small call with each key, and how it went. */
export function TestDialog(props: {
  readonly provider: Provider
  readonly models: readonly string[]
  readonly onClose: () => void
}) {
  const { provider, models, onClose } = props
  const [model, setModel] = useState(models[0] ?? '')
  const test = useChange<void, Tested>(
    () => ask(`${pathOf(provider)}/test`, { method: 'POST', body: { model: model || null } }),
    { rereads },
  )
  return (
    <Dialog title={`Test ${provider.name}`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          test.mutate()
        }}
      >
        <Field
          label="Model"
          value={model}
          onChange={setModel}
          list={models}
          hint="It costs a few tokens, and is written down as every call."
          problem={test.error?.param === 'model' ? test.error.message : null}
        />
        {test.error && test.error.param !== 'model' && (
          <p className="problem" role="alert">
            {test.error.message}
          </p>
        )}
        <ul className="lines" aria-live="polite" aria-label="Results">
          {(test.data?.results ?? []).map((result) => (
            <li key={result.key ?? ''}>
              <span>{result.key === null ? 'without a key' : result.key}</span>
              <Badge tone={result.ok ? 'ok' : 'err'}>
                {result.ok ? 'answered' : (result.error ?? 'failed')}
              </Badge>
              <span className="dim">
                {[
                  result.status === null ? '' : `status ${result.status}`,
                  result.latency_ms === null ? '' : `${result.latency_ms} ms`,
                  result.message ?? '',
                ]
                  .filter((each) => each !== '')
                  .join(', ')}
              </span>
            </li>
          ))}
        </ul>
        <div className="actions">
          <button type="button" onClick={onClose}>
            Done
          </button>
          <button type="submit" className="primary" disabled={test.isPending}>
            {test.isPending ? 'Asking…' : 'Make the call'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
