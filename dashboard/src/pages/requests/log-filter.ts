import type { Search } from '../../app/url-state.ts'
import type { QueryValues } from '../../data/ask.ts'

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
  'min_duration_ms',
  'min_cost_usd',
] as const
export type ConditionName = (typeof conditions)[number]

const spelled: Readonly<Record<string, ConditionName>> = {
  ...Object.fromEntries(conditions.map((name) => [name, name])),
  slow: 'min_duration_ms',
  duration: 'min_duration_ms',
  cost: 'min_cost_usd',
}

/** The query that the address means. Several values of one condition stand in it with commas between. */
export function filterQuery(search: Search): QueryValues {
  const found = Object.fromEntries(
    conditions.flatMap((name) => {
      const value = search[name]
      return value === undefined ? [] : [[name, value.split(',')]]
    }),
  )
  return { ...found, ...(search['q'] && { q: search['q'] }) }
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
