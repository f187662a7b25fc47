import { useState } from 'react'
import { CopyButton } from './copy-button.tsx'

/** Text to be pasted elsewhere, with a button that does. */
export function Code({ text, label }: { readonly text: string; readonly label?: string }) {
  return (
    <div className="code">
      <CopyButton text={text} label={label ?? 'Copy'} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <pre tabIndex={0}>{text}</pre>
    </div>
  )
}

export interface Snippet {
  readonly name: string
  readonly text: string
}

/** The same call in several languages. */
export function Snippets({ snippets }: { readonly snippets: readonly Snippet[] }) {
  const [at, setAt] = useState(0)
  return (
    <div>
      <Tabs names={snippets.map(({ name }) => name)} at={at} onChange={setAt} label="Language" />
      <Code text={snippets[at]?.text ?? ''} />
    </div>
  )
}

export function Tabs(props: {
  readonly names: readonly string[]
  readonly at: number
  readonly label: string
  readonly onChange: (at: number) => void
}) {
  const { names, at, label, onChange } = props
  const move = (by: number) => onChange((at + by + names.length) % names.length)
  return (
    <div className="tabs" role="tablist" aria-label={label}>
      {names.map((name, place) => (
        <button
          key={name}
          type="button"
          role="tab"
          aria-selected={place === at}
          tabIndex={place === at ? 0 : -1}
          ref={(element) => {
            if (place === at && element?.parentElement?.contains(document.activeElement))
              element.focus()
          }}
          onClick={() => onChange(place)}
          onKeyDown={({ key }) => {
            if (key === 'ArrowRight') move(1)
            if (key === 'ArrowLeft') move(-1)
          }}
        >
          {name}
        </button>
      ))}
    </div>
  )
}
