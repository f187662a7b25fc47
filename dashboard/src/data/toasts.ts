export interface Toast {
  readonly id: number
  readonly kind: 'done' | 'error'
  readonly text: string
}

const shownMs = 8000
let last = 0
let toasts: readonly Toast[] = []
const listeners = new Set<() => void>()

const change = (next: readonly Toast[]): void => {
  toasts = next
  for (const listener of listeners) listener()
}

/** A sentence that goes away by itself. */
export function showToast(given: Omit<Toast, 'id'>): void {
  last += 1
  const toast = { ...given, id: last }
  change([...toasts.slice(-2), toast])
  setTimeout(() => dropToast(toast.id), shownMs)
}

export const dropToast = (id: number): void => change(toasts.filter((each) => each.id !== id))

export const toastStore = {
  read: (): readonly Toast[] => toasts,
  subscribe: (listener: () => void): (() => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  },
}
