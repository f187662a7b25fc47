import { formatPercent } from '../data/format.ts'

/** How much of a bound is used; the colour warns before the end. */
export function Meter(props: {
  readonly label: string
  readonly value: number
  readonly of: number
  readonly text: string
}) {
  const { label, value, of, text } = props
  const share = of > 0 ? Math.min(1, value / of) : 0
  const tone = share >= 0.95 ? 'err' : share >= 0.8 ? 'warn' : 'ok'
  return (
    <div className="meter-row">
      {/* biome-ignore lint/a11y/useSemanticElements: what browsers draw for the element itself takes no colours of ours. */}
      <div
        className={`meter ${tone}`}
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
        aria-valuetext={`${text}, ${formatPercent(share)}`}
      >
        <span style={{ inlineSize: `${share * 100}%` }} />
      </div>
      <span className="meter-text">{text}</span>
    </div>
  )
}
