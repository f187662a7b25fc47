import { useEffect, useState } from 'react'
import { type QueryValues, withQuery } from './ask.ts'
import type { LoggedCall } from './log-shapes.ts'
import { useVisible } from './use-visible.ts'

const keptAtMost = 200

export interface Tail {
  /** The newest first. */
  readonly calls: readonly LoggedCall[]
  readonly state: 'live' | 'paused' | 'away'
  readonly clear: () => void
}

/** Calls as they end, pushed by the gateway. It rests while paused or hidden, and gathers what comes for a quarter second. */
export function useTail(query: QueryValues, isOn: boolean): Tail {
  const [calls, setCalls] = useState<readonly LoggedCall[]>([])
  const [isAway, setAway] = useState(false)
  const isVisible = useVisible()
  const address = withQuery('/api/logs/tail', query)
  const isRunning = isOn && isVisible
  useEffect(() => {
    if (!isRunning) return
    const source = new EventSource(address)
    let waiting: LoggedCall[] = []
    const show = setInterval(() => {
      if (waiting.length === 0) return
      const fresh = waiting.toReversed()
      waiting = []
      setCalls((old) => {
        const known = new Set(fresh.map(({ id }) => id))
        return [...fresh, ...old.filter(({ id }) => !known.has(id))].slice(0, keptAtMost)
      })
    }, 250)
    source.onopen = () => setAway(false)
    source.onerror = () => setAway(true)
    const take = ({ data }: MessageEvent<string>) => {
      const call = JSON.parse(data) as LoggedCall
      waiting = [...waiting.slice(-keptAtMost), call]
    }
    source.onmessage = take
    source.addEventListener('call', take)
    return () => {
      clearInterval(show)
      source.close()
    }
  }, [address, isRunning])
  return {
    calls,
    state: isRunning ? (isAway ? 'away' : 'live') : 'paused',
    clear: () => setCalls([]),
  }
}
