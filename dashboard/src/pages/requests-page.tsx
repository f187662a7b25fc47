import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { useHotkeys } from '../app/hotkeys.ts'
import { SavedViews } from '../app/saved-views.tsx'
import { useRange } from '../app/time-range.tsx'
import { keepSearch, useUrlState } from '../app/url-state.ts'
import type { ApiError } from '../data/api-error.ts'
import { ask, withQuery } from '../data/ask.ts'
import { formatCount } from '../data/format.ts'
import type { LoggedCall, LogPage } from '../data/log-shapes.ts'
import { useTail } from '../data/use-tail.ts'
import { Badge } from '../parts/badge.tsx'
import { Snippets } from '../parts/code.tsx'
import { LiveDot } from '../parts/live-dot.tsx'
import { Empty, Failure, Skeleton } from '../parts/states.tsx'
import { CallTable } from './requests/call-table.tsx'
import { FacetList } from './requests/facet-list.tsx'
import { FilterBar } from './requests/filter-bar.tsx'
import { conditions, filterQuery, fitsSearch } from './requests/log-filter.ts'
import { rememberOrder } from './requests/order.ts'
import { callSnippets } from './snippets.ts'

const pageSize = '50'
const refreshMs = 5000
/** Whoever looks for one call has often just made it. */
const refreshEmptyMs = 1000

export function RequestsPage() {
  const [search, change] = useUrlState()
  const range = useRange('24h')
  const navigate = useNavigate()
  const query = filterQuery(search)
  const [isOn, setOn] = useState(true)
  const pages = useInfiniteQuery<LogPage, ApiError>({
    queryKey: ['/api/logs', 'pages', query, range.name, search['from'], search['to']],
    initialPageParam: null,
    queryFn: ({ pageParam, signal }) =>
      ask<LogPage>('/api/logs', {
        query: {
          ...query,
          ...range.times(),
          limit: pageSize,
          ...(typeof pageParam === 'string' && { after: pageParam }),
        },
        signal,
      }),
    getNextPageParam: ({ next }) => next,
    // What ended just before the page was opened is in neither the first answer nor the pushed calls.
    refetchInterval: ({ state }) => {
      if (!isOn || !isRecent(range.isLive, search['to']) || (state.data?.pages.length ?? 0) > 1)
        return false
      return state.data?.pages[0]?.data.length === 0 ? refreshEmptyMs : refreshMs
    },
  })
  const tail = useTail(isOn && range.isLive, (call) => fitsSearch(search, call))
  useHotkeys({ ' ': () => setOn(!isOn) })
  // Most likely opened next, so it is here by then.
  useEffect(() => void import('./request-page.tsx'), [])
  const older = pages.data?.pages.flatMap(({ data }) => data) ?? []
  const lost = pages.data?.pages[0]?.lost_calls ?? 0
  const calls = joined(
    tail.calls.filter((call) => range.isLive && fitsSearch(search, call)),
    older,
  )
  const open = ({ id }: LoggedCall) => {
    rememberOrder(calls.map((call) => call.id))
    void navigate({ to: '/requests/$id', params: { id }, search: keepSearch })
  }
  const isNarrowed =
    conditions.some((name) => search[name] !== undefined) || search['q'] !== undefined
  return (
    <>
      <header className="page-head">
        <h1>Requests</h1>
        {range.isLive && <LiveDot state={tail.state} />}
        <div className="actions">
          <SavedViews of="requests" />
          {range.isLive && (
            <button type="button" onClick={() => setOn(!isOn)}>
              {isOn ? 'Pause' : 'Go on'}
            </button>
          )}
          <a
            className="button"
            href={withQuery('/api/logs/export', { ...query, ...range.times(), format: 'csv' })}
            download
          >
            CSV
          </a>
        </div>
      </header>
      <FilterBar key={search['q'] ?? ''} />
      <div className="log-layout">
        <FacetList range={range} />
        <div>
          {pages.isError && <Failure error={pages.error} onRetry={() => void pages.refetch()} />}
          {lost > 0 && (
            <p>
              <Badge tone="warn">{formatCount(lost)} calls could not be written into the log</Badge>
            </p>
          )}
          {pages.isPending ? (
            <Skeleton lines={10} />
          ) : calls.length > 0 ? (
            <CallTable calls={calls} onOpen={open} />
          ) : isNarrowed ? (
            <Empty title="No request fits">
              <p>Something in the filter hides them all.</p>
              <button
                type="button"
                onClick={() =>
                  change({
                    q: undefined,
                    ...Object.fromEntries(conditions.map((name) => [name, undefined])),
                  })
                }
              >
                Take the filter away
              </button>
            </Empty>
          ) : (
            <Empty title="No request in this time">
              <p>Take a longer time, or send one:</p>
              <Snippets snippets={callSnippets(location.origin, 'demo/hello')} />
            </Empty>
          )}
          {pages.hasNextPage && (
            <p className="actions more-rows">
              <button
                type="button"
                disabled={pages.isFetchingNextPage}
                onClick={() => void pages.fetchNextPage()}
              >
                {pages.isFetchingNextPage ? 'Looking…' : 'Older ones'}
              </button>
            </p>
          )}
        </div>
      </div>
    </>
  )
}

/** What was pushed before what was read, each once. */
function joined(fresh: readonly LoggedCall[], read: readonly LoggedCall[]): readonly LoggedCall[] {
  const known = new Set(read.map(({ id }) => id))
  const newest = read[0]?.id ?? ''
  return [...fresh.filter(({ id }) => !known.has(id) && id > newest), ...read]
}

/** What has just ended is written within a second. */
const writtenWithinMs = 10_000

const isRecent = (isLive: boolean, to: string | undefined): boolean =>
  isLive || Date.parse(to ?? '') > Date.now() - writtenWithinMs
