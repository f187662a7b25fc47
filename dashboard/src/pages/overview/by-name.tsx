import { Link } from '@tanstack/react-router'
import { type ReactNode, useState } from 'react'
import { formatCount, formatMs, formatPercent, formatUsd, nanosToUsd } from '../../data/format.ts'
import type { NamedSums } from '../../data/log-shapes.ts'
import { BarList } from '../../parts/bar-list.tsx'
import { Select } from '../../parts/field.tsx'

const measures = {
  calls: { name: 'Requests', read: (s: NamedSums) => s.calls, show: formatCount },
  cost: { name: 'Cost', read: (s: NamedSums) => nanosToUsd(s.cost_nanos), show: formatUsd },
  tokens: {
    name: 'Tokens',
    read: (s: NamedSums) => s.input_tokens + s.output_tokens,
    show: formatCount,
  },
  errors: {
    name: 'Error share',
    read: (s: NamedSums) => (s.calls > 0 ? s.errors / s.calls : 0),
    show: formatPercent,
  },
  p95: { name: 'p95 time', read: (s: NamedSums) => s.duration_ms?.p95 ?? 0, show: formatMs },
} as const
type Measure = keyof typeof measures

/** Who or what it comes from, by any measure. */
export function ByName(props: {
  readonly sums: readonly NamedSums[]
  readonly title: string
  /** The filter of the requests behind a name. */
  readonly filter: (name: string) => Readonly<Record<string, string>>
  readonly children?: ReactNode
}) {
  const { title, filter, children } = props
  const [measure, setMeasure] = useState<Measure>('calls')
  const { read, show } = measures[measure]
  const bars = props.sums.map((sums) => ({
    name: sums.name,
    value: read(sums),
    text: show(read(sums)),
    label: (
      <Link
        to="/requests"
        search={({ dim: _dim, ...old }: Record<string, string>) => ({
          ...old,
          ...filter(sums.name),
        })}
      >
        {sums.name}
      </Link>
    ),
  }))
  return (
    <section className="panel">
      <header>
        <h2>{title}</h2>
        <div className="actions">
          {children}
          <Select
            label={`${title} by`}
            isCompact
            value={measure}
            onChange={(value) => setMeasure(value as Measure)}
            options={Object.entries(measures).map(([value, { name }]) => [value, name])}
          />
        </div>
      </header>
      {bars.length === 0 ? (
        <p className="dim">None in this time.</p>
      ) : (
        <BarList label={`${title} by ${measures[measure].name}`} bars={bars} />
      )}
    </section>
  )
}
