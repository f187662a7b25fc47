import { useMemo } from 'react'
import { useUrlState } from '../../app/url-state.ts'
import { formatCount, formatMs, formatUsd, nanosToUsd } from '../../data/format.ts'
import type { CallSums, Overview } from '../../data/log-shapes.ts'
import { Chart } from '../../parts/chart.tsx'
import { filled } from '../../parts/chart-series.ts'

/** What happened over time; marking a part of one narrows all of them to it. */
export function Charts({ overview }: { readonly overview: Overview }) {
  const [, change] = useUrlState()
  const mark = (from: number, to: number) =>
    change({ from: new Date(from).toISOString(), to: new Date(to).toISOString() }, { push: true })
  const points = useMemo(() => {
    const { from, to, bucket_ms: stepMs, series } = overview
    return filled(series, { from: Date.parse(from), to: Date.parse(to), stepMs })
  }, [overview])
  const at = useMemo(() => points.map((each) => each.at), [points])
  const rows = useMemo(() => {
    const take = (read: (sums: CallSums) => number | null, none: number | null) =>
      points.map(({ value }) => (value === null ? none : read(value)))
    return {
      status: [
        { name: 'answered', colour: '--c1', values: take((s) => s.calls - s.errors - s.left, 0) },
        { name: 'failed', colour: '--c2', values: take((s) => s.errors - s.limited, 0) },
        { name: 'limited', colour: '--c4', values: take((s) => s.limited, 0) },
        { name: 'client left', colour: '--c8', values: take((s) => s.left, 0) },
      ],
      duration: (['p99', 'p95', 'p50'] as const).map((name, place) => ({
        name,
        colour: ['--c2', '--c4', '--c1'][place] ?? '--c1',
        values: take((s) => s.duration_ms?.[name] ?? null, null),
      })),
      firstToken: (['p99', 'p95', 'p50'] as const).map((name, place) => ({
        name,
        colour: ['--c2', '--c4', '--c1'][place] ?? '--c1',
        values: take((s) => s.first_token_ms?.[name] ?? null, null),
      })),
      cost: [{ name: 'cost', colour: '--c6', values: take((s) => nanosToUsd(s.cost_nanos), 0) }],
      tokens: [
        { name: 'out', colour: '--c3', values: take((s) => s.output_tokens, 0) },
        {
          name: 'in',
          colour: '--c5',
          values: take((s) => s.input_tokens - s.cached_input_tokens, 0),
        },
        { name: 'cached in', colour: '--c8', values: take((s) => s.cached_input_tokens, 0) },
      ],
    }
  }, [points])
  return (
    <div className="grid-2">
      <section className="panel">
        <h2>Requests by outcome</h2>
        <Chart
          label="Requests by outcome"
          kind="bars"
          at={at}
          series={rows.status}
          format={formatCount}
          onRange={mark}
        />
      </section>
      <section className="panel">
        <h2>Time to the whole answer</h2>
        <Chart
          label="Time to the whole answer"
          kind="lines"
          at={at}
          series={rows.duration}
          format={formatMs}
          onRange={mark}
        />
      </section>
      <section className="panel">
        <h2>Time to the first token</h2>
        <Chart
          label="Time to the first token"
          kind="lines"
          at={at}
          series={rows.firstToken}
          format={formatMs}
          onRange={mark}
        />
      </section>
      <section className="panel">
        <h2>Tokens</h2>
        <Chart
          label="Tokens"
          kind="bars"
          at={at}
          series={rows.tokens}
          format={formatCount}
          onRange={mark}
        />
      </section>
      <section className="panel">
        <h2>Cost</h2>
        <Chart
          label="Cost"
          kind="bars"
          at={at}
          series={rows.cost}
          format={formatUsd}
          onRange={mark}
        />
      </section>
    </div>
  )
}
