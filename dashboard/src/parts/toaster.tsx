import { useSyncExternalStore } from 'react'
import { dropToast, toastStore } from '../data/toasts.ts'
import { Icon } from './icon.tsx'

export function Toaster() {
  const toasts = useSyncExternalStore(toastStore.subscribe, toastStore.read)
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map(({ id, kind, text }) => (
        <div key={id} className={`toast ${kind}`}>
          <Icon name={kind === 'done' ? 'ok' : 'warn'} />
          <span>{text}</span>
          <button
            type="button"
            className="quiet"
            aria-label="Dismiss"
            onClick={() => dropToast(id)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  )
}
