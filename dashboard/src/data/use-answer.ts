import { queryOptions, useQuery } from '@tanstack/react-query'
import type { ApiError } from './api-error.ts'
import { ask, type QueryValues } from './ask.ts'

export interface Asking {
  /** How often it is asked again; it rests while the page is hidden. */
  readonly everyMs?: number | false
  readonly enabled?: boolean
  /** What is only known at the moment of asking, such as "since an hour ago". */
  readonly late?: () => QueryValues
  /** What tells such a question from others with the same query. */
  readonly name?: string
  /** For what is written a moment after it is known: asks again while it is not there. */
  readonly isDue?: boolean
}

const dueTries = 4
const dueMs = 600

/** Reads something of the API. What was shown of the same thing stays until the next answer is there. */
export function useAnswer<T>(path: string, query: QueryValues = {}, asking: Asking = {}) {
  return useQuery<T, ApiError>({
    ...answerOptions<T>(path, query, asking),
    placeholderData: (data, query) => (query?.queryKey[0] === path ? data : undefined),
    refetchInterval: asking.everyMs ?? false,
    enabled: asking.enabled ?? true,
    ...(asking.isDue && {
      retry: (count: number, { status }: ApiError) =>
        (status === 404 || status === 0) && count < dueTries,
      retryDelay: dueMs,
    }),
  })
}

export const answerOptions = <T>(path: string, query: QueryValues = {}, asking: Asking = {}) =>
  queryOptions<T, ApiError>({
    queryKey: [path, query, asking.name ?? ''],
    queryFn: ({ signal }) => ask<T>(path, { query: { ...query, ...asking.late?.() }, signal }),
  })
