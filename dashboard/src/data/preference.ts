import { useCallback, useSyncExternalStore } from 'react'

const listeners = new Set<() => void>()

/** A wish of the reader that outlives the page: how it looks, what was dismissed. Never anything secret. */
export function readPreference(name: string): string | null {
  try {
    return localStorage.getItem(`sluice.${name}`)
  } catch {
    return null
  }
}

export function usePreference(name: string): readonly [string | null, (value: string) => void] {
  const value = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => readPreference(name),
  )
  const change = useCallback(
    (next: string) => {
      try {
        localStorage.setItem(`sluice.${name}`, next)
      } catch {
        // Storage may be forbidden; the wish then holds for nothing but this look.
      }
      for (const listener of listeners) listener()
    },
    [name],
  )
  return [value, change]
}
