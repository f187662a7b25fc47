import type { Search } from '../../app/url-state.ts'
import type { QueryValues } from '../../data/ask.ts'
import type { LoggedCall } from '../../data/log-shapes.ts'

/** Conditions that the address may hold, as the API names them. */
export const conditions = [
  'status',
  'error',
  'model',
  'provider',
  'key',
  'team',
  'customer',
  'route',
  'kind',
  'dimension',
  'min_duration_ms',
  'min_cost_usd',
] as const
export type ConditionName = (typeof conditions)[number]

const spelled: Readonly<Record<string, ConditionName>> = {
  ...Object.fromEntries(conditions.map((name) => [name, name])),
  slow: 'min_duration_ms',
  duration: 'min_duration_ms',
  cost: 'min_cost_usd',
  dim: 'dimension',
}

/** The query that the address means. Several values of one condition stand in it with commas between. */
export function filterQuery(search: Search): QueryValues {
  const found = Object.fromEntries(
    conditions.flatMap((name) => {
      const value = search[name]
      return value === undefined ? [] : [[name, value.split(',')]]
    }),
  )
  return { ...found, ...(search['q'] && { search: search['q'] }) }
}

/** `status:429 model:gpt-4o "some words"` as changes of the address; what is no condition is searched for. */
export function readFilterText(text: string): Search {
  const changes: Record<string, string> = {}
  const words: string[] = []
  for (const part of text.match(/(?:[^\s"]+:)?"[^"]*"|\S+/g) ?? []) {
    const [, name = '', value = ''] = /^([a-z_]+):[<>=]*"?([^"]+)"?$/.exec(part) ?? []
    const condition = spelled[name]
    if (condition === undefined) words.push(part.replaceAll('"', ''))
    else changes[condition] = value
  }
  return { ...changes, q: words.join(' ') }
}

/** Whether a call that was just pushed is one of those that are looked for; it is pushed to whoever watches, without a filter. */
export function fitsSearch(search: Search, call: LoggedCall): boolean {
  const values = (name: ConditionName): readonly string[] | undefined => search[name]?.split(',')
  const isNamed = (name: ConditionName, own: string | null): boolean =>
    values(name)?.includes(own ?? '') ?? true
  const status = String(call.status)
  const words = search['q']?.toLowerCase()
  return (
    (values('status')?.some((each) => each === status || each === `${status[0]}xx`) ?? true) &&
    isNamed('error', call.error) &&
    isNamed('model', call.model) &&
    isNamed('provider', call.provider) &&
    isNamed('key', call.key) &&
    isNamed('team', call.team_id) &&
    isNamed('customer', call.customer_id) &&
    isNamed('route', call.route) &&
    isNamed('kind', call.kind) &&
    (values('dimension')?.every((pair) => hasPair(call, pair)) ?? true) &&
    call.duration_ms >= Number(search['min_duration_ms'] ?? 0) &&
    (call.cost_nanos ?? 0) >= Number(search['min_cost_usd'] ?? 0) * 1e9 &&
    (words === undefined ||
      [call.id, call.request_id, call.user_agent, call.error_message].some((text) =>
        text?.toLowerCase().includes(words),
      ))
  )
}

function hasPair({ dimensions }: LoggedCall, pair: string): boolean {
  const sign = pair.indexOf('=')
  return dimensions[pair.slice(0, sign)] === pair.slice(sign + 1)
}
