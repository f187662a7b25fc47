import { useState } from 'react'
import type {
  getConfig,
  reloadConfig,
  validateConfig,
} from '../../../../src/api/admin/contract-system.ts'
import { useUrlState } from '../../app/url-state.ts'
import { type Answer, ask } from '../../data/ask.ts'
import { useAnswer } from '../../data/use-answer.ts'
import { useChange } from '../../data/use-change.ts'
import { Badge } from '../../parts/badge.tsx'
import { Field } from '../../parts/field.tsx'
import { Loaded } from '../../parts/states.tsx'
import { Table } from '../../parts/table.tsx'
import { TextArea } from '../../parts/text-area.tsx'

type Config = Answer<typeof getConfig>
type Setting = Config['settings'][number]
const path = '/api/config'

/** What is in force and where each of it is from; the file stays its owner. */
export function ConfigView() {
  const [{ find = '' }, change] = useUrlState()
  const config = useAnswer<Config>(path)
  const reload = useChange<void, Answer<typeof reloadConfig>>(
    () => ask(`${path}/reload`, { method: 'POST' }),
    {
      rereads: [path, '/api/models'],
      told: ({ need_restart }) =>
        need_restart.length > 0
          ? `Read again; only after a restart: ${need_restart.join(', ')}`
          : 'Read again, and in force',
    },
  )
  return (
    <Loaded query={config} lines={10}>
      {({ file, settings, warnings, not_in_force }) => (
        <div className="stack">
          <section className="panel">
            <header>
              <h2>In force</h2>
              <span className="dim">{file ?? 'no file: defaults and the environment'}</span>
              <div className="actions">
                <button type="button" disabled={reload.isPending} onClick={() => reload.mutate()}>
                  Read the file again
                </button>
              </div>
            </header>
            {[
              ...warnings,
              ...not_in_force.map((each) => `${each} is not in force in this version`),
            ].map((each) => (
              <p key={each}>
                <Badge tone="warn">{each}</Badge>
              </p>
            ))}
            <div className="filters">
              <div className="search">
                <Field
                  label="Find a setting"
                  type="search"
                  value={find}
                  onChange={(value) => change({ find: value })}
                />
              </div>
            </div>
            <Table<Setting>
              label="Settings in force"
              rows={settings.filter(
                (each) => each.path.includes(find) || each.origin.includes(find),
              )}
              keyOf={(each) => each.path}
              columns={[
                { name: 'Setting', kind: 'main', cell: (each) => <code>{each.path}</code> },
                { name: 'Value', cell: ({ value }) => <code>{value}</code> },
                {
                  name: 'From',
                  cell: ({ origin, reference }) => (
                    <span className={origin === 'default' ? 'dim' : ''}>
                      {origin}
                      {reference !== null && ` (${reference})`}
                    </span>
                  ),
                },
              ]}
            />
          </section>
          <Checker />
        </div>
      )}
    </Loaded>
  )
}

function Checker() {
  const [text, setText] = useState('')
  const check = useChange<void, Answer<typeof validateConfig>>(
    () => ask(`${path}/validate`, { method: 'POST', body: { text } }),
    { rereads: [] },
  )
  return (
    <section className="panel stack">
      <h2>Would this do?</h2>
      <TextArea
        label="A configuration, checked as if it stood in the file"
        value={text}
        onChange={setText}
        rows={8}
        placeholder="version: 1"
      />
      <div className="actions">
        <span className="dim">Nothing is changed.</span>
        <button
          type="button"
          disabled={text === '' || check.isPending}
          onClick={() => check.mutate()}
        >
          Check
        </button>
      </div>
      {check.data && (
        <div role="status">
          <Badge tone={check.data.valid ? 'ok' : 'err'}>
            {check.data.valid ? 'It would do' : 'It would be refused'}
          </Badge>
          <ul>
            {check.data.problems.map(({ line, column, message }) => (
              <li key={`${line}:${column} ${message}`}>
                {line !== null && <code>{`${line}:${column ?? 1} `}</code>}
                {message}
              </li>
            ))}
            {check.data.warnings.map((each) => (
              <li key={each} className="dim">
                {each}
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  )
}
