import { useEffect, useRef, useState } from 'react'
import type { listRoutes } from '../../../src/api/admin/contract-system.ts'
import { useUrlState } from '../app/url-state.ts'
import type { Answer } from '../data/ask.ts'
import { useCallCredential } from '../data/credential.ts'
import type { LogDetail } from '../data/log-shapes.ts'
import { useAnswer } from '../data/use-answer.ts'
import { CopyButton } from '../parts/copy-button.tsx'
import { Check } from '../parts/field.tsx'
import { TextArea } from '../parts/text-area.tsx'
import { CallAs } from './playground/call-as.tsx'
import { callModel, nothingTold } from './playground/call-model.ts'
import { ModelColumn, type Run } from './playground/model-column.tsx'
import { bodyOf, type Draft, draftOf, emptyDraft, exampleTool } from './playground/replayed.ts'
import { curlFor } from './snippets.ts'

const columnsAtMost = 3
const idle: Run = { told: nothingTold, state: 'idle', problem: null }

/** One prompt to up to three models, side by side. */
export function PlaygroundPage() {
  const [search, change] = useUrlState()
  const models = (search['model'] ?? 'demo/stream').split(',')
  const credential = useCallCredential()
  const routes = useAnswer<Answer<typeof listRoutes>>('/api/models')
  const [draft, setDraft] = useState<Draft>(emptyDraft)
  const [isStream, setStream] = useState(true)
  const [runs, setRuns] = useState<readonly Run[]>([])
  const running = useRef<AbortController | null>(null)
  const missing = useReplay(search['from_request'], setDraft)
  const isRunning = runs.some(({ state }) => state === 'running')
  const put = (at: number, next: (old: Run) => Run) =>
    setRuns((old) =>
      Array.from({ length: Math.max(old.length, at + 1) }, (_, place) => {
        const own = old[place] ?? idle
        return place === at ? next(own) : own
      }),
    )
  const send = () => {
    running.current?.abort()
    const stop = new AbortController()
    running.current = stop
    setRuns([])
    for (const [at, model] of models.entries()) {
      const body = bodyOf(draft, model, isStream)
      if (body === null || credential === null) {
        put(at, () => ({
          ...idle,
          state: 'failed',
          problem: 'What stands below "More" is no JSON object.',
        }))
        continue
      }
      put(at, () => ({ ...idle, state: 'running' }))
      callModel(body, credential, stop.signal, (told) => put(at, (old) => ({ ...old, told }))).then(
        () => put(at, (old) => ({ ...old, state: 'done' })),
        (thrown: unknown) => {
          const problem = stop.signal.aborted
            ? 'Stopped.'
            : thrown instanceof Error
              ? thrown.message
              : 'It failed.'
          put(at, (old) => ({ ...old, state: 'failed', problem }))
        },
      )
    }
  }
  useEffect(() => () => running.current?.abort(), [])
  const setModels = (next: readonly string[]) => change({ model: next.join(',') })
  const first = bodyOf(draft, models[0] ?? '', isStream)
  return (
    <div className="stack">
      <header className="page-head">
        <h1>Playground</h1>
        <div className="actions">
          {first && (
            <CopyButton
              label="As curl"
              text={curlFor(location.origin, '/v1/chat/completions', JSON.stringify(first))}
            />
          )}
        </div>
      </header>
      {missing && <p className="dim">{missing}</p>}
      <section className="panel stack">
        <CallAs />
        <TextArea
          label="System"
          value={draft.system}
          onChange={(system) => setDraft({ ...draft, system })}
          rows={2}
        />
        <TextArea
          label="User"
          value={draft.user}
          onChange={(user) => setDraft({ ...draft, user })}
          rows={4}
        />
        <details open={draft.more !== ''}>
          <summary>More: tools, temperature, earlier messages</summary>
          <TextArea
            label="As JSON, beside model and messages"
            value={draft.more}
            onChange={(more) => setDraft({ ...draft, more })}
            rows={8}
            placeholder={'{\n  "temperature": 0.2,\n  "tools": []\n}'}
          />
          {draft.more === '' && (
            <button type="button" onClick={() => setDraft({ ...draft, more: exampleTool })}>
              Put in an example of a tool
            </button>
          )}
        </details>
        <div className="actions">
          <Check label="Stream" checked={isStream} onChange={setStream} />
          <button
            type="button"
            disabled={models.length >= columnsAtMost}
            onClick={() => setModels([...models, 'demo/hello'])}
          >
            Compare with another
          </button>
          {isRunning && (
            <button type="button" onClick={() => running.current?.abort()}>
              Stop
            </button>
          )}
          <button type="button" className="primary" disabled={credential === null} onClick={send}>
            Send
          </button>
        </div>
      </section>
      <div className="play-columns">
        {models.map((model, at) => (
          <ModelColumn
            // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have the same model.
            key={at}
            model={model}
            models={(routes.data?.data ?? []).map(({ name }) => name)}
            onModel={(name) => setModels(models.with(at, name.replaceAll(',', '')))}
            onRemove={models.length > 1 ? () => setModels(models.toSpliced(at, 1)) : null}
            run={runs[at] ?? idle}
          />
        ))}
      </div>
    </div>
  )
}

/** Fills in the request that is to be made again. Answers why it cannot, if so. */
function useReplay(id: string | undefined, onDraft: (draft: Draft) => void): string | null {
  const past = useAnswer<LogDetail>(
    `/api/logs/${encodeURIComponent(id ?? '')}`,
    {},
    { enabled: id !== undefined },
  )
  const request = past.data?.request
  const text = request?.truncated === false ? request.text : undefined
  const fill = useRef(onDraft)
  fill.current = onDraft
  useEffect(() => {
    const draft = text === undefined ? null : draftOf(text)
    if (draft) fill.current(draft)
  }, [text])
  if (id === undefined || past.isPending || text !== undefined) return null
  return 'What that request said is not kept, or not whole, so it cannot be filled in here.'
}
