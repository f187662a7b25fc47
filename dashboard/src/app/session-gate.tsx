import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { getSession } from '../../../src/api/admin/contract-session.ts'
import { ApiError } from '../data/api-error.ts'
import type { Answer } from '../data/ask.ts'
import { sessionPath } from '../data/client.ts'
import { answerOptions } from '../data/use-answer.ts'
import { Failure, Skeleton } from '../parts/states.tsx'
import { SignIn } from './sign-in.tsx'

export type Session = Answer<typeof getSession>

/** Everything behind it is for whoever is signed in. */
export function SessionGate({ children }: { readonly children: ReactNode }) {
  const session = useQuery({
    ...answerOptions<Session>(sessionPath),
    // Half an hour without use ends a session; looking at the page is use. Whoever is typing a password is left alone.
    refetchInterval: ({ state }) => (state.status === 'success' ? 5 * 60_000 : false),
    refetchOnWindowFocus: ({ state }) => state.status === 'success',
    refetchOnReconnect: ({ state }) => state.status === 'success',
  })
  const isOut = session.error instanceof ApiError && session.error.status === 401
  if (isOut) return <SignIn />
  if (session.data) return children
  return (
    <main className="alone">
      {session.error ? (
        <Failure error={session.error} onRetry={() => void session.refetch()} />
      ) : (
        <Skeleton />
      )}
    </main>
  )
}
