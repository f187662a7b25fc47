import { invalid } from './check-fields.ts'

export interface Paging {
  readonly limit?: number
  readonly after?: string
}

export interface ListPage<T> {
  readonly object: 'list'
  readonly data: T[]
  readonly has_more: boolean
}

export const usualLimit = 50

/** A part of a whole list. Throws `invalid_request` where `after` is none of it. */
export function pageOf<T extends { readonly id: string }>(
  all: readonly T[],
  { limit = usualLimit, after }: Paging,
): ListPage<T> {
  const last = after === undefined ? -1 : all.findIndex(({ id }) => id === after)
  if (after !== undefined && last < 0)
    throw invalid('after', '"after" must be an id of this list: the last of the page before')
  const data = all.slice(last + 1, last + 1 + limit)
  return { object: 'list', data, has_more: last + 1 + limit < all.length }
}

/** Of more than was asked for by one, which tells whether there are more. */
export function pageOfFetched<T>(found: readonly T[], limit: number): ListPage<T> {
  return { object: 'list', data: found.slice(0, limit), has_more: found.length > limit }
}

export const timeText = (at: number): string => new Date(at).toISOString()
export const timeTextOrNull = (at: number | null): string | null =>
  at === null ? null : timeText(at)

/** Whether a part of a name was asked for, in any case. */
export const isFound = (name: string, search: string | undefined): boolean =>
  search === undefined || name.toLowerCase().includes(search.toLowerCase())
