import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback } from 'react'

export type Search = Readonly<Record<string, string | undefined>>

/** What the address says, and a way to change parts of it; an empty text takes a part out. */
export function useUrlState(): readonly [
  Search,
  (changes: Search, how?: { readonly push?: boolean }) => void,
] {
  const search = useSearch({ strict: false }) as Search
  const navigate = useNavigate()
  const change = useCallback(
    (changes: Search, how: { readonly push?: boolean } = {}) =>
      void navigate({
        to: '.',
        search: (old: Search) => ({ ...old, ...changes }),
        replace: how.push !== true,
      } as Parameters<typeof navigate>[0]),
    [navigate],
  )
  return [search, change]
}

/** For a link that leaves the time and the filter as they are. */
export const keepSearch = (old: Search): Search => old
