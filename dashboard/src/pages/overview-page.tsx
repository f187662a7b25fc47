import { Link } from '@tanstack/react-router'
import { TimeRange, useRange } from '../app/time-range.tsx'
import { useUrlState } from '../app/url-state.ts'
import { formatCount, formatMs, formatPercent, formatUsd, nanosToUsd } from '../data/format.ts'
import type { CallSums, Overview } from '../data/log-shapes.ts'
import { useAnswer } from '../data/use-answer.ts'
import { Badge } from '../parts/badge.tsx'
import { Select } from '../parts/field.tsx'
import { StatTile } from '../parts/stat-tile.tsx'
import { Loaded } from '../parts/states.tsx'
import { ByName } from './overview/by-name.tsx'
import { Charts } from './overview/charts.tsx'
import { FirstCall } from './overview/first-call.tsx'
import { LiveCalls } from './overview/live-calls.tsx'
import { ProviderHealth } from './overview/provider-health.tsx'

const refreshMs = 5000

export function OverviewPage() {
  const range = useRange()
  const [{ dim }] = useUrlState()
  const overview = useAnswer<Overview>('/api/overview', dim ? { by_dimension: dim } : {}, {
    everyMs: range.isLive ? refreshMs : false,
    late: range.times,
    name: range.name,
  })
  return (
    <>
      <header className="page-head">
        <h1>Overview</h1>
        <TimeRange />
      </header>
      <div className="stack">
        <Loaded query={overview} lines={8}>
          {(data) =>
            data.all.calls === 0 && range.isLive ? (
              <>
                <FirstCall />
                <ProviderHealth />
              </>
            ) : (
              <>
                <Doubts overview={data} />
                <Tiles sums={data.all} />
                <Charts overview={data} />
                <div className="grid-2">
                  <ProviderHealth />
                  <LiveCalls />
                </div>
                <div className="grid-3">
                  <ByName sums={data.by_model} title="Models" filter={(model) => ({ model })} />
                  <ByName sums={data.by_key} title="Keys" filter={(key) => ({ key })} />
                  <ByName
                    sums={data.by_provider}
                    title="Providers"
                    filter={(provider) => ({ provider })}
                  />
                  <ByDimension overview={data} />
                </div>
              </>
            )
          }
        </Loaded>
      </div>
    </>
  )
}

/** By what callers say of their calls, where they say something. */
function ByDimension({ overview }: { readonly overview: Overview }) {
  const [{ dim = '' }, change] = useUrlState()
  const { dimensions, by_dimension: sums } = overview
  if (dimensions.length === 0) return null
  return (
    <ByName sums={sums} title="Dimension" filter={(value) => ({ dimension: `${dim}=${value}` })}>
      <Select
        label="Named"
        isCompact
        value={dim}
        onChange={(name) => change({ dim: name })}
        options={[['', 'choose'], ...dimensions.map((name) => [name, name] as const)]}
      />
    </ByName>
  )
}

/** What the numbers do not hold. */
function Doubts({ overview }: { readonly overview: Overview }) {
  const { losses, complete } = overview
  const lost = losses.reduce((sum, { calls }) => sum + (calls ?? 0), 0)
  if (losses.length === 0 && complete) return null
  return (
    <div className="panel">
      {!complete && (
        <Badge tone="warn">The time is too long to count all of it; older calls are left out</Badge>
      )}
      {losses.length > 0 && (
        <Badge tone="warn">
          {lost > 0 ? `At least ${formatCount(lost)} calls are` : 'Some calls may be'} missing here:{' '}
          {[...new Set(losses.map(({ reason }) => reason))].join('; ')}
        </Badge>
      )}
    </div>
  )
}

function Tiles({ sums }: { readonly sums: CallSums }) {
  const [{ range, from, to }] = useUrlState()
  const kept = { ...(range && { range }), ...(from && to && { from, to }) }
  const share = sums.calls > 0 ? sums.errors / sums.calls : 0
  return (
    <div className="tiles">
      <StatTile
        label="Requests"
        value={
          <Link to="/requests" search={kept}>
            {formatCount(sums.calls)}
          </Link>
        }
        note={`${formatCount(sums.left)} left by the client`}
      />
      <StatTile
        label="Errors"
        value={
          <Link to="/requests" search={{ ...kept, status: '4xx,5xx' }}>
            {formatPercent(share)}
          </Link>
        }
        note={`${formatCount(sums.errors)}, of them ${formatCount(sums.limited)} limited`}
        {...(share > 0.05 && { tone: 'err' as const })}
      />
      <StatTile
        label="Cost"
        value={
          <Link to="/usage" search={kept}>
            {formatUsd(nanosToUsd(sums.cost_nanos))}
          </Link>
        }
      />
      <StatTile
        label="Tokens in / out"
        value={`${formatCount(sums.input_tokens)} / ${formatCount(sums.output_tokens)}`}
        note={`${formatCount(sums.cached_input_tokens)} cached`}
      />
      <StatTile
        label="p95 time"
        value={formatMs(sums.duration_ms?.p95)}
        note={`p50 ${formatMs(sums.duration_ms?.p50)}, p99 ${formatMs(sums.duration_ms?.p99)}`}
      />
      <StatTile
        label="p95 first token"
        value={formatMs(sums.first_token_ms?.p95)}
        note={`p50 ${formatMs(sums.first_token_ms?.p50)}, p99 ${formatMs(sums.first_token_ms?.p99)}`}
      />
      <StatTile label="Rescued" value={formatCount(sums.rescued)} note="by a retry or fallback" />
    </div>
  )
}
