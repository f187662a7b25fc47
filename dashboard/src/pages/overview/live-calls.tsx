import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useHotkeys } from '../../app/hotkeys.ts'
import { formatMs, formatTime, formatUsd, nanosToUsd } from '../../data/format.ts'
import { useTail } from '../../data/use-tail.ts'
import { Badge, toneOfStatus } from '../../parts/badge.tsx'
import { Check } from '../../parts/field.tsx'
import { LiveDot } from '../../parts/live-dot.tsx'

const shownAtMost = 12

/** The calls of this moment. */
export function LiveCalls() {
  const [isOn, setOn] = useState(true)
  const [onlyErrors, setOnlyErrors] = useState(false)
  const tail = useTail(isOn, () => true)
  const calls = tail.calls.filter(({ status }) => !onlyErrors || status >= 400)
  useHotkeys({ ' ': () => setOn(!isOn) })
  return (
    <section className="panel">
      <header>
        <h2>Now</h2>
        <LiveDot state={tail.state} />
        <div className="actions">
          <Check label="Errors only" checked={onlyErrors} onChange={setOnlyErrors} />
          <button type="button" onClick={() => setOn(!isOn)}>
            {isOn ? 'Pause' : 'Go on'}
          </button>
        </div>
      </header>
      {calls.length === 0 ? (
        <p className="dim">Calls appear here as they end.</p>
      ) : (
        <ol className="live-list">
          {calls.slice(0, shownAtMost).map((call) => (
            <li key={call.id}>
              <Link to="/requests/$id" params={{ id: call.id }} search={{}}>
                {formatTime(call.started_at)}
              </Link>
              <Badge tone={toneOfStatus(call.status)}>{call.status}</Badge>
              <span>{call.route ?? '–'}</span>
              <span className="dim">{call.key}</span>
              <span className="number">{formatMs(call.duration_ms)}</span>
              <span className="number dim">
                {call.cost_nanos === null ? '' : formatUsd(nanosToUsd(call.cost_nanos))}
              </span>
              {call.error !== null && <span className="dim">{call.error}</span>}
              {call.fallback > 0 && <span className="dim">fallback {call.fallback}</span>}
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}
