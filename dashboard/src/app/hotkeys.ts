import { useEffect, useRef } from 'react'
import { usePreference } from '../data/preference.ts'

export type Hotkeys = Readonly<Record<string, () => void>>

const goWithinMs = 1500

/** Single keys, and two after another such as `g r`. They rest while something is typed, and can be switched off. */
export function useHotkeys(keys: Hotkeys): void {
  const [wish] = usePreference('hotkeys')
  const latest = useRef(keys)
  latest.current = keys
  useEffect(() => {
    if (wish === 'off') return
    let first = ''
    let firstAt = 0
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
      if (isTyping(event.target)) return
      const isSecond = first !== '' && event.timeStamp - firstAt < goWithinMs
      const name = isSecond ? `${first} ${event.key}` : event.key
      const act = latest.current[name]
      first =
        act === undefined &&
        Object.keys(latest.current).some((each) => each.startsWith(`${event.key} `))
          ? event.key
          : ''
      firstAt = event.timeStamp
      if (act === undefined) return
      event.preventDefault()
      act()
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [wish])
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || target.matches('input,textarea,select,[role=tab]'))
