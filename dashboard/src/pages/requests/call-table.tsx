import { formatCount, formatMs, formatTime, formatUsd, nanosToUsd } from '../../data/format.ts'
import type { LoggedCall } from '../../data/log-shapes.ts'
import { Badge, toneOfStatus } from '../../parts/badge.tsx'
import { type Column, Table } from '../../parts/table.tsx'

const columns: readonly Column<LoggedCall>[] = [
  {
    name: 'Time',
    cell: ({ started_at }) => <span className="mono">{formatTime(started_at)}</span>,
  },
  {
    name: 'Status',
    cell: ({ status, error }) => (
      <Badge tone={toneOfStatus(status)}>
        {status}
        {error !== null && ` ${error}`}
      </Badge>
    ),
  },
  {
    name: 'Model',
    kind: 'main',
    cell: ({ route, provider, model, fallback, attempts, hedged }) => (
      <>
        {route ?? '–'}
        {provider !== null && `${provider}/${model}` !== route && (
          <span className="dim"> → {`${provider}/${model}`}</span>
        )}
        {fallback > 0 && <span className="dim"> · fallback {fallback}</span>}
        {fallback === 0 && attempts > 1 && <span className="dim"> · {attempts} attempts</span>}
        {hedged && <span className="dim"> · hedged</span>}
      </>
    ),
  },
  { name: 'Key', cell: ({ key }) => key ?? '–', isSide: true },
  { name: 'Kind', cell: ({ kind }) => kind, isSide: true },
  { name: 'Time taken', kind: 'number', cell: ({ duration_ms }) => formatMs(duration_ms) },
  {
    name: 'First token',
    kind: 'number',
    isSide: true,
    cell: ({ first_token_ms }) => formatMs(first_token_ms),
  },
  {
    name: 'Tokens',
    kind: 'number',
    isSide: true,
    cell: ({ input_tokens, output_tokens }) =>
      `${formatCount(input_tokens)} › ${formatCount(output_tokens)}`,
  },
  {
    name: 'Cost',
    kind: 'number',
    isSide: true,
    cell: ({ cost_nanos }) => (cost_nanos === null ? '–' : formatUsd(nanosToUsd(cost_nanos))),
  },
]

export function CallTable(props: {
  readonly calls: readonly LoggedCall[]
  readonly onOpen: (call: LoggedCall) => void
}) {
  return (
    <Table
      label="Requests"
      columns={columns}
      rows={props.calls}
      keyOf={({ id }) => id}
      onOpen={props.onOpen}
    />
  )
}
