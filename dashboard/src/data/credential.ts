import { useSyncExternalStore } from 'react'

// In memory alone: what a script could find in the browser's storage would outlive this page.
let credential: string | null = null
const listeners = new Set<() => void>()

/** What calls of the playground are made with: the session's token after signing in, or a key that was pasted. */
export function setCallCredential(value: string | null): void {
  credential = value
  for (const listener of listeners) listener()
}

export const callCredential = (): string | null => credential

export const useCallCredential = (): string | null =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => credential,
  )
