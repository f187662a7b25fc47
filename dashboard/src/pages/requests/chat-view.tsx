import { useState } from 'react'
import { parseOr } from './parse-or.ts'
import { type Turn, turnsOf } from './turns.ts'

const openAtFirst = 6

/** A conversation turn by turn. All of it is text: nothing in it becomes markup, a link or an image. */
export function ChatView(props: {
  readonly request: string | undefined
  readonly reply: string | undefined
}) {
  const turns = turnsOf(parseOr(props.request ?? ''), parseOr(props.reply ?? ''))
  const [isAll, setAll] = useState(false)
  const hidden = isAll ? 0 : Math.max(0, turns.length - openAtFirst)
  if (turns.length === 0)
    return <p className="dim">It is no conversation that can be read; see the raw content.</p>
  return (
    <div className="turns">
      {hidden > 0 && (
        <button type="button" onClick={() => setAll(true)}>
          {hidden} earlier messages
        </button>
      )}
      {turns.slice(hidden).map((turn, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the turns of a settled call never move.
        <TurnView key={place} turn={turn} />
      ))}
    </div>
  )
}

function TurnView({ turn }: { readonly turn: Turn }) {
  return (
    <article className={`turn ${turn.role}`}>
      <div className="turn-head">
        <b>{turn.role}</b>
        {turn.note}
      </div>
      {turn.reasoning !== '' && (
        <details>
          <summary>Reasoning</summary>
          <div className="said dim">{turn.reasoning}</div>
        </details>
      )}
      {turn.text !== '' && <div className="said">{turn.text}</div>}
      {turn.toolCalls.map(({ name, input }, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the calls of a settled turn never move.
        <pre key={place} className="wrap">
          {name}({input})
        </pre>
      ))}
    </article>
  )
}
