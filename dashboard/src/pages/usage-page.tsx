import { useMemo } from 'react'
import { SavedViews } from '../app/saved-views.tsx'
import { TimeRange, useRange } from '../app/time-range.tsx'
import { useUrlState } from '../app/url-state.ts'
import { withQuery } from '../data/ask.ts'
import { formatCount, formatUsd, nanosToUsd } from '../data/format.ts'
import { useAnswer } from '../data/use-answer.ts'
import { Chart } from '../parts/chart.tsx'
import { Code } from '../parts/code.tsx'
import { Select } from '../parts/field.tsx'
import { StatTile } from '../parts/stat-tile.tsx'
import { Empty, Loaded } from '../parts/states.tsx'
import { Table } from '../parts/table.tsx'
import { usageSeries } from './usage/usage-series.ts'
import {
  type Dimension,
  dimensions,
  nameOf,
  nameOfAll,
  type UsageReport,
  type UsageSum,
} from './usage/usage-shapes.ts'

const hourMs = 3_600_000
const rowsAtMost = '500'
const linesAtMost = '8'

const measures = {
  cost: { name: 'Cost', read: (s: UsageSum) => nanosToUsd(s.cost_nanos), show: formatUsd },
  tokens: {
    name: 'Tokens',
    read: (s: UsageSum) => s.input_tokens + s.output_tokens,
    show: formatCount,
  },
  calls: { name: 'Calls', read: (s: UsageSum) => s.calls, show: formatCount },
} as const
type Measure = keyof typeof measures

/** What was spent, on what, by whom: from the ledger, so it is the bill. */
export function UsagePage() {
  const [search, change] = useUrlState()
  const range = useRange('7d')
  const first: Dimension = dimensions.find((each) => each === search['by']) ?? 'model'
  const second = dimensions.find((each) => each === search['and'] && each !== first)
  const by = second ? [first, second] : [first]
  const measure: Measure =
    (search['measure'] ?? 'cost') in measures ? ((search['measure'] ?? 'cost') as Measure) : 'cost'
  const bucket = range.lengthMs > 72 * hourMs ? 'day' : 'hour'
  const query = { by: by.join(',') }
  const sums = useAnswer<UsageReport>(
    '/api/usage',
    { ...query, top: rowsAtMost },
    {
      late: range.times,
      name: range.name,
      everyMs: 30_000,
    },
  )
  const series = useAnswer<UsageReport>(
    '/api/usage',
    { ...query, bucket, top: linesAtMost },
    { late: range.times, name: range.name, everyMs: 30_000 },
  )
  return (
    <div className="stack">
      <header className="page-head">
        <h1>Usage</h1>
        <TimeRange usual="7d" />
        <Select
          label="By"
          isCompact
          value={first}
          onChange={(value) => change({ by: value })}
          options={dimensions.map((each) => [each, each])}
        />
        <Select
          label="and"
          isCompact
          value={second ?? ''}
          onChange={(value) => change({ and: value })}
          options={[
            ['', '–'],
            ...dimensions.filter((each) => each !== first).map((each) => [each, each] as const),
          ]}
        />
        <Select
          label="Measure"
          isCompact
          value={measure}
          onChange={(value) => change({ measure: value })}
          options={Object.entries(measures).map(([value, { name }]) => [value, name])}
        />
        <div className="actions">
          <SavedViews of="usage" />
          <a
            className="button"
            download
            href={withQuery('/api/usage', { ...query, bucket, ...range.times(), format: 'csv' })}
          >
            CSV
          </a>
        </div>
      </header>
      <Loaded query={sums} lines={8}>
        {(report) =>
          report.data.length === 0 ? (
            <Empty title="Nothing was used in this time">
              <p>
                Every attempt at a provider is a line of the ledger, and adds up here. The same by
                curl:
              </p>
              <Code text={`curl -u admin '${location.origin}/api/usage?by=${query.by}'`} />
            </Empty>
          ) : (
            <>
              <div className="tiles">
                <StatTile label="Cost" value={formatUsd(nanosToUsd(report.total.cost_nanos))} />
                <StatTile
                  label="Calls"
                  value={formatCount(report.total.calls)}
                  note={`${formatCount(report.total.attempts)} attempts`}
                />
                <StatTile
                  label="Tokens in"
                  value={formatCount(report.total.input_tokens)}
                  note={`${formatCount(report.total.cached_input_tokens)} cached`}
                />
                <StatTile
                  label="Tokens out"
                  value={formatCount(report.total.output_tokens)}
                  note={`${formatCount(report.total.reasoning_tokens)} reasoning`}
                />
                <StatTile
                  label="Estimated"
                  value={formatCount(report.total.estimated)}
                  note="attempts whose tokens nobody told"
                />
                <StatTile
                  label="Unpriced"
                  value={formatCount(report.total.unpriced)}
                  note="attempts without a known price"
                />
              </div>
              {series.data && <UsageChart report={series.data} by={by} measure={measure} />}
              <section className="panel">
                <UsageTable report={report} by={by} />
              </section>
            </>
          )
        }
      </Loaded>
    </div>
  )
}

function UsageChart(props: {
  readonly report: UsageReport
  readonly by: readonly Dimension[]
  readonly measure: Measure
}) {
  const { report, by, measure } = props
  const { read, show, name } = measures[measure]
  // A list is another one at each look; its names are not.
  const names = by.join(' and ')
  const { at, series } = useMemo(
    () => usageSeries(report, names.split(' and ') as Dimension[], read),
    [report, names, read],
  )
  return (
    <section className="panel">
      <h2>
        {name} by {names}
      </h2>
      <Chart
        label={`${name} by ${names} over time`}
        kind="bars"
        at={at}
        series={series}
        format={show}
        heightPx={240}
      />
    </section>
  )
}

function UsageTable({
  report,
  by,
}: {
  readonly report: UsageReport
  readonly by: readonly Dimension[]
}) {
  const rows = report.data.toSorted((a, b) => b.cost_nanos - a.cost_nanos)
  return (
    <Table<UsageSum>
      label={`Usage by ${by.join(' and ')}`}
      rows={rows}
      keyOf={(sum) => nameOfAll(sum, by)}
      columns={[
        ...by.map((each) => ({
          name: each,
          kind: 'main' as const,
          cell: (sum: UsageSum) => nameOf(sum, each),
        })),
        { name: 'Calls', kind: 'number', cell: ({ calls }) => formatCount(calls) },
        {
          name: 'Attempts',
          kind: 'number',
          isSide: true,
          cell: ({ attempts }) => formatCount(attempts),
        },
        {
          name: 'Tokens in',
          kind: 'number',
          isSide: true,
          cell: ({ input_tokens }) => formatCount(input_tokens),
        },
        {
          name: 'Cached',
          kind: 'number',
          isSide: true,
          cell: ({ cached_input_tokens }) => formatCount(cached_input_tokens),
        },
        {
          name: 'Tokens out',
          kind: 'number',
          isSide: true,
          cell: ({ output_tokens }) => formatCount(output_tokens),
        },
        {
          name: 'Estimated',
          kind: 'number',
          isSide: true,
          cell: ({ estimated }) => formatCount(estimated),
        },
        { name: 'Cost', kind: 'number', cell: ({ cost_usd }) => `$${cost_usd}` },
      ]}
    />
  )
}
