import { Badge, type Tone } from '../../parts/badge.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Table } from '../../parts/table.tsx'
import type { ProviderKey } from './provider-shapes.ts'

export type KeyAct = 'change' | 'rotate' | 'switch' | 'delete'

const acts = (key: ProviderKey): readonly (readonly [KeyAct, string])[] => [
  ['change', 'Change'],
  ['rotate', 'Rotate'],
  ['switch', key.enabled ? 'Switch off' : 'Switch on'],
  ['delete', 'Delete'],
]

function standingOf({ enabled, shadowed, problem }: ProviderKey): readonly [Tone, string] {
  if (!enabled) return ['warn', 'off']
  if (shadowed) return ['info', 'shadowed by the file']
  return problem === null ? ['ok', 'on'] : ['err', 'not in force']
}

export function ProviderKeyTable(props: {
  readonly provider: string
  readonly keys: readonly ProviderKey[]
  readonly onAct: (act: KeyAct, key: ProviderKey) => void
}) {
  const { provider, keys, onAct } = props
  return (
    <Table<ProviderKey>
      label={`Keys of ${provider}`}
      rows={keys}
      keyOf={({ id }) => id}
      columns={[
        {
          name: 'Key',
          kind: 'main',
          cell: ({ name, hint, managed_by }) => (
            <>
              <b>{name}</b> <span className="mono dim">{hint}</span>
              {managed_by === 'file' && (
                <span className="dim">
                  {' '}
                  <Icon name="lock" /> file
                </span>
              )}
            </>
          ),
        },
        {
          name: 'State',
          cell: (key) => {
            const [tone, text] = standingOf(key)
            return (
              <>
                <Badge tone={tone}>{text}</Badge>
                {key.problem !== null && <div className="problem">{key.problem}</div>}
              </>
            )
          },
        },
        { name: 'Models', isSide: true, cell: ({ models }) => models?.join(', ') ?? 'all' },
        { name: 'Weight', kind: 'number', isSide: true, cell: ({ weight }) => weight },
        {
          name: 'Actions',
          cell: (key) =>
            key.managed_by === 'api' && (
              <div className="actions">
                {acts(key).map(([act, text]) => (
                  <button
                    key={act}
                    type="button"
                    className={act === 'delete' ? 'danger' : ''}
                    aria-label={`${text} ${key.name} of ${provider}`}
                    onClick={() => onAct(act, key)}
                  >
                    {text}
                  </button>
                ))}
              </div>
            ),
        },
      ]}
    />
  )
}
