import type { Static } from 'typebox'
import { nanosOf } from '../../core/money.ts'
import type { LogFilter } from '../../store/request-log-filter.ts'
import { invalid } from './check-fields.ts'
import type { getLogFacets } from './contract-logs.ts'

type Given = Static<typeof getLogFacets.query>

/** What stands behind the question mark as a filter. Throws `invalid_request`. */
export function readLogFilter(given: Given): LogFilter {
  const { from, to, key, team, customer, route, provider, model, error } = given
  const filter = {
    from: from === undefined ? null : Date.parse(from),
    to: to === undefined ? null : Date.parse(to),
    only: Object.fromEntries(
      Object.entries({ key, team, customer, route, provider, model, error }).filter(
        ([, values]) => values !== undefined,
      ),
    ),
    statuses: given.status ?? [],
    kinds: given.kind ?? [],
    minDurationMs: given.min_duration_ms ?? null,
    minCostNanos: given.min_cost_usd === undefined ? null : nanosOf(Number(given.min_cost_usd)),
    dimensions: Object.fromEntries((given.dimension ?? []).map(pairOf)),
    text: given.search ?? '',
  }
  if (filter.from !== null && filter.to !== null && filter.from >= filter.to)
    throw invalid('from', '"from" must be before "to"')
  return filter
}

function pairOf(text: string): readonly [name: string, value: string] {
  const sign = text.indexOf('=')
  return [text.slice(0, sign), text.slice(sign + 1)]
}
