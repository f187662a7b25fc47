import { useEffect, useRef, useState } from 'react'
import type { LoggedCall } from './log-shapes.ts'
import { useVisible } from './use-visible.ts'

const keptAtMost = 200

export interface Tail {
  /** The newest first. */
  readonly calls: readonly LoggedCall[]
  readonly state: 'live' | 'paused' | 'away'
}

/** Calls as they end, pushed by the gateway at most twice a second. It rests while paused, and while nobody sees the page. */
export function useTail(isOn: boolean, fits: (call: LoggedCall) => boolean): Tail {
  const [calls, setCalls] = useState<readonly LoggedCall[]>([])
  const [isAway, setAway] = useState(false)
  const isVisible = useVisible()
  const isRunning = isOn && isVisible
  const latest = useRef(fits)
  latest.current = fits
  useEffect(() => {
    if (!isRunning) return
    const source = new EventSource('/api/logs/tail')
    source.onopen = () => setAway(false)
    source.onerror = () => setAway(true)
    source.addEventListener('calls', ({ data }: MessageEvent<string>) => {
      const told = (JSON.parse(data) as readonly LoggedCall[]).filter(latest.current)
      if (told.length === 0) return
      const fresh = told.toSorted((a, b) => (a.id < b.id ? 1 : -1))
      const known = new Set(fresh.map(({ id }) => id))
      setCalls((old) => [...fresh, ...old.filter(({ id }) => !known.has(id))].slice(0, keptAtMost))
    })
    return () => source.close()
  }, [isRunning])
  return { calls, state: isRunning ? (isAway ? 'away' : 'live') : 'paused' }
}
