import { useState } from 'react'

const shownAtFirst = 100

/** JSON to be opened level by level; only what is open is on the page. */
export function JsonTree(props: { readonly value: unknown; readonly isClosed?: boolean }) {
  return (
    <div className="json mono">
      <Node name={null} value={props.value} isOpen={props.isClosed !== true} />
    </div>
  )
}

function Node(props: {
  readonly name: string | null
  readonly value: unknown
  readonly isOpen?: boolean
}) {
  const { name, value } = props
  const [isOpen, setOpen] = useState(props.isOpen ?? false)
  const [shown, setShown] = useState(shownAtFirst)
  if (typeof value !== 'object' || value === null)
    return (
      <div className="json-leaf">
        {name !== null && <span className="json-name">{name}: </span>}
        <span className={`json-${value === null ? 'null' : typeof value}`}>
          {typeof value === 'string' ? JSON.stringify(value) : String(value)}
        </span>
      </div>
    )
  const entries = Object.entries(value)
  const brackets = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {name !== null && <span className="json-name">{name}: </span>}
        <span className="dim">
          {brackets[0]}
          {entries.length}
          {brackets[1]}
        </span>
      </summary>
      {isOpen && (
        <div className="json-inside">
          {entries.slice(0, shown).map(([key, each]) => (
            <Node key={key} name={key} value={each} isOpen={entries.length <= 8 && name === null} />
          ))}
          {entries.length > shown && (
            <button type="button" className="quiet" onClick={() => setShown(shown + shownAtFirst)}>
              {entries.length - shown} more
            </button>
          )}
        </div>
      )}
    </details>
  )
}
