import type { ReactNode } from 'react'

/** One number that matters, and what leads to the rows behind it. */
export function StatTile(props: {
  readonly label: string
  readonly value: ReactNode
  readonly note?: ReactNode
  readonly tone?: 'err' | 'warn'
}) {
  const { label, value, note, tone } = props
  return (
    <div className={tone ? `tile ${tone}` : 'tile'}>
      <span className="tile-label">{label}</span>
      <span className="tile-value">{value}</span>
      <span className="tile-note">{note ?? ' '}</span>
    </div>
  )
}
