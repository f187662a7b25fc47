import type { ReactNode } from 'react'

export interface Bar {
  readonly name: string
  readonly value: number
  readonly text: string
  readonly label?: ReactNode
}

/** Amounts by name, the largest first; what is beyond `top` is one bar. */
export function BarList(props: {
  readonly label: string
  readonly bars: readonly Bar[]
  readonly top?: number
  readonly restText?: (sum: number) => string
}) {
  const { label, bars, top = 8, restText } = props
  const sorted = bars.toSorted((a, b) => b.value - a.value)
  const rest = sorted.slice(top)
  const restSum = rest.reduce((sum, { value }) => sum + value, 0)
  const shown: readonly Bar[] =
    rest.length === 0
      ? sorted
      : [
          ...sorted.slice(0, top),
          { name: 'other', value: restSum, text: restText?.(restSum) ?? `${rest.length} more` },
        ]
  const most = Math.max(...shown.map(({ value }) => value), 0)
  return (
    <ul className="bars" aria-label={label}>
      {shown.map(({ name, value, text, label: shownName }) => (
        <li key={name}>
          <span className="bar-name">{shownName ?? name}</span>
          <span className="bar-track" aria-hidden="true">
            <span style={{ inlineSize: most > 0 ? `${(value / most) * 100}%` : 0 }} />
          </span>
          <span className="bar-text">{text}</span>
        </li>
      ))}
    </ul>
  )
}
