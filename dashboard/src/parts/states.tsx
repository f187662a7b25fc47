import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ApiError } from '../data/api-error.ts'
import { Icon } from './icon.tsx'

/** One sentence, one action, one snippet. */
export function Empty(props: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{props.title}</h2>
      {props.children}
    </div>
  )
}

export function Failure(props: { readonly error: unknown; readonly onRetry?: () => void }) {
  const { error, onRetry } = props
  const requestId = error instanceof ApiError ? error.requestId : null
  return (
    <div className="failure" role="alert">
      <Icon name="warn" />
      <div>
        <p>{error instanceof Error ? error.message : 'Something went wrong on this page.'}</p>
        {requestId && (
          <p className="dim">
            Request <code>{requestId}</code>
          </p>
        )}
        {onRetry && (
          <button type="button" onClick={onRetry}>
            Try again
          </button>
        )}
      </div>
    </div>
  )
}

export const Skeleton = ({ lines = 4 }: { readonly lines?: number }) => (
  <div className="skeleton" role="status" aria-label="Loading">
    {Array.from({ length: lines }, (_, line) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike.
      <span key={line} />
    ))}
  </div>
)

/** What was asked for, or why it is not there. Old data stays on the page while the gateway is away. */
export function Loaded<T>(props: {
  readonly query: UseQueryResult<T, ApiError>
  readonly children: (data: T) => ReactNode
  readonly lines?: number
}) {
  const { query, children, lines } = props
  const retry = () => void query.refetch()
  if (query.data === undefined)
    return query.isError ? (
      <Failure error={query.error} onRetry={retry} />
    ) : (
      <Skeleton lines={lines ?? 4} />
    )
  return (
    <>
      {query.isError && <Failure error={query.error} onRetry={retry} />}
      {children(query.data)}
    </>
  )
}
