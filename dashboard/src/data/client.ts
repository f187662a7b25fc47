import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { ApiError } from './api-error.ts'
import { showToast } from './toasts.ts'

export const sessionPath = '/api/session'

/** A session that ended anywhere ends here: the page for signing in comes back by itself. */
function noticeEnd(thrown: unknown): void {
  if (thrown instanceof ApiError && thrown.status === 401)
    void client.invalidateQueries({ queryKey: [sessionPath] })
}

export const client: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (thrown, query) => {
      if (query.queryKey[0] !== sessionPath) noticeEnd(thrown)
    },
  }),
  mutationCache: new MutationCache({
    onError: (thrown) => {
      noticeEnd(thrown)
      showToast({ kind: 'error', text: thrown.message })
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 2000,
      // A refusal stays one; only a gateway that is away may be back a moment later.
      retry: (count, thrown) => thrown instanceof ApiError && thrown.status === 0 && count < 3,
      refetchOnWindowFocus: true,
    },
  },
})
