import { Link } from '@tanstack/react-router'
import { formatMs } from '../../data/format.ts'
import { Field } from '../../parts/field.tsx'
import type { Told } from './call-model.ts'

export interface Run {
  readonly told: Told
  readonly state: 'idle' | 'running' | 'done' | 'failed'
  readonly problem: string | null
}

export function ModelColumn(props: {
  readonly model: string
  readonly models: readonly string[]
  readonly onModel: (model: string) => void
  readonly onRemove: (() => void) | null
  readonly run: Run
}) {
  const { model, models, onModel, onRemove, run } = props
  const { told, state, problem } = run
  return (
    <section className="panel stack" aria-label={model}>
      <Field label="Model" value={model} onChange={onModel} list={models} />
      {onRemove && (
        <div className="actions">
          <button type="button" onClick={onRemove}>
            Take away
          </button>
        </div>
      )}
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {told.reasoning !== '' && (
        <details open={told.text === ''}>
          <summary>Reasoning</summary>
          <div className="said dim">{told.reasoning}</div>
        </details>
      )}
      <div className="said" aria-busy={state === 'running'}>
        {told.text}
      </div>
      {told.toolCalls.map(({ name, input }, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a call is known by its place alone.
        <pre key={place} className="wrap">
          {name}({input})
        </pre>
      ))}
      {state !== 'idle' && (
        <p className="dim">
          {told.servedBy && `by ${told.servedBy}, `}
          first token {formatMs(told.firstTokenMs)}, in all {formatMs(told.totalMs)}
          {usageText(told.usage)}
          {told.finish !== '' && `, ended by ${told.finish}`}
        </p>
      )}
      {told.callId && (
        <Link to="/requests/$id" params={{ id: told.callId }} search={{}}>
          Look into this request
        </Link>
      )}
    </section>
  )
}

function usageText(usage: Told['usage']): string {
  if (usage === null) return ''
  return `, ${usage['prompt_tokens'] ?? 0} tokens in, ${usage['completion_tokens'] ?? 0} out`
}
