import { type RefObject, useEffect, useState } from 'react'

/** Whether something is wider inside than outside, and so is scrolled. */
export function useOverflow(frame: RefObject<HTMLElement | null>): boolean {
  const [isOver, setOver] = useState(false)
  useEffect(() => {
    const element = frame.current
    const content = element?.firstElementChild
    if (!element || !content) return
    const sizes = new ResizeObserver(() => setOver(element.scrollWidth > element.clientWidth))
    sizes.observe(element)
    sizes.observe(content)
    return () => sizes.disconnect()
  }, [frame])
  return isOver
}
