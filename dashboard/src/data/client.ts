import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { ApiError } from './api-error.ts'
import { showToast } from './toasts.ts'

export const sessionPath = '/api/session'

/** A session that ended anywhere ends here: the page for signing in comes back by itself. A wrong password ends none. */
function noticeEnd(thrown: unknown): void {
  if (!(thrown instanceof ApiError) || thrown.status !== 401) return
  const ofSession = { queryKey: [sessionPath] }
  const isIn = client.getQueriesData(ofSession).some(([, data]) => data !== undefined)
  if (isIn) void client.invalidateQueries(ofSession)
}

export const client: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (thrown, query) => {
      if (query.queryKey[0] !== sessionPath) noticeEnd(thrown)
    },
  }),
  mutationCache: new MutationCache({
    onError: (thrown, _given, _context, { meta }) => {
      noticeEnd(thrown)
      if (meta?.['told'] !== 'in place') showToast({ kind: 'error', text: thrown.message })
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 1000,
      // A refusal stays one; only a gateway that is away may be back a moment later.
      retry: (count, thrown) => thrown instanceof ApiError && thrown.status === 0 && count < 3,
      refetchOnWindowFocus: true,
    },
  },
})
