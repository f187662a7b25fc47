export interface ListPage<T> {
  readonly object: 'list'
  readonly data: T[]
  readonly has_more: boolean
}

export const usualLimit = 50

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
