import { Link } from '@tanstack/react-router'
import { formatDistance } from '../../data/format.ts'
import { Badge } from '../../parts/badge.tsx'
import { Icon } from '../../parts/icon.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { BudgetMeter } from './budget-meter.tsx'
import { type BudgetStateResource, limitsText, stateOf, type VirtualKey } from './key-shapes.ts'

export type KeyAct = 'change' | 'rotate' | 'switch' | 'revoke'

const tones = { on: 'ok', off: 'warn', expired: 'warn', shadowed: 'info' } as const

export function KeyTable(props: {
  readonly keys: readonly VirtualKey[]
  readonly budgets: readonly BudgetStateResource[]
  readonly onAct: (act: KeyAct, key: VirtualKey) => void
}) {
  const { keys, budgets, onAct } = props
  const now = Date.now()
  const columns: readonly Column<VirtualKey>[] = [
    {
      name: 'Name',
      kind: 'main',
      cell: ({ name, hint, managed_by, log_content }) => (
        <>
          <b>{name}</b> <span className="mono dim">{hint}</span>
          {managed_by === 'file' && (
            <span className="dim" title="It stands in the configuration file and is changed there">
              {' '}
              <Icon name="lock" /> file
            </span>
          )}
          {!log_content && <span className="dim"> · nothing it says is kept</span>}
        </>
      ),
    },
    {
      name: 'State',
      cell: (key) => (
        <>
          <Badge tone={tones[stateOf(key, now)]}>{stateOf(key, now)}</Badge>
          {key.expires_at !== null && (
            <span className="dim"> ends {formatDistance(key.expires_at, now)}</span>
          )}
          {key.previous_until !== null && Date.parse(key.previous_until) > now && (
            <div className="dim">old value ends {formatDistance(key.previous_until, now)}</div>
          )}
        </>
      ),
    },
    { name: 'Models', isSide: true, cell: ({ models }) => models?.join(', ') ?? 'all' },
    { name: 'Team', isSide: true, cell: ({ team, customer }) => team ?? customer ?? '–' },
    { name: 'Limits', isSide: true, cell: ({ limits }) => limitsText(limits) },
    {
      name: 'Budget',
      cell: (key) => (
        <BudgetMeter
          name={key.name}
          budget={key.budget}
          state={budgets.find(({ scope, id }) => scope === 'key' && id === key.id)}
        />
      ),
    },
    {
      name: 'Actions',
      cell: (key) => (
        <div className="actions">
          <Link to="/requests" search={{ key: key.name }}>
            Requests
          </Link>
          {key.managed_by === 'api' && (
            <>
              <Act text="Change" target={key} act="change" onAct={onAct} />
              <Act text="Rotate" target={key} act="rotate" onAct={onAct} />
              <Act
                text={key.enabled ? 'Switch off' : 'Switch on'}
                target={key}
                act="switch"
                onAct={onAct}
              />
              <Act text="Revoke" target={key} act="revoke" onAct={onAct} />
            </>
          )}
        </div>
      ),
    },
  ]
  return <Table label="Virtual keys" columns={columns} rows={keys} keyOf={({ id }) => id} />
}

function Act(props: {
  readonly text: string
  readonly act: KeyAct
  readonly target: VirtualKey
  readonly onAct: (act: KeyAct, key: VirtualKey) => void
}) {
  const { text, act, target, onAct } = props
  return (
    <button
      type="button"
      className={act === 'revoke' ? 'danger' : ''}
      aria-label={`${text} ${target.name}`}
      onClick={() => onAct(act, target)}
    >
      {text}
    </button>
  )
}
