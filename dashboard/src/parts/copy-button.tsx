import { useState } from 'react'
import { showToast } from '../data/toasts.ts'
import { Icon } from './icon.tsx'

/** Copies text; where the browser forbids it, says so. */
export function CopyButton({
  text,
  label = 'Copy',
}: {
  readonly text: string
  readonly label?: string
}) {
  const [isDone, setDone] = useState(false)
  const copy = async () => {
    if (await copyText(text)) {
      setDone(true)
      setTimeout(() => setDone(false), 1500)
    }
  }
  return (
    <button type="button" className="quiet" onClick={() => void copy()}>
      <Icon name={isDone ? 'ok' : 'copy'} />
      <span aria-live="polite">{isDone ? 'Copied' : label}</span>
    </button>
  )
}

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    showToast({ kind: 'error', text: 'The browser does not let this page copy; select the text.' })
    return false
  }
}
