import { formatMs } from '../../data/format.ts'
import type { LoggedAttempt } from '../../data/log-shapes.ts'
import { Badge, toneOfStatus } from '../../parts/badge.tsx'
import type { CallDetail } from './call-detail.ts'

/** Attempt by attempt: whom it was sent to, how long it waited, when tokens flowed, how it ended. */
export function Timeline({ call }: { readonly call: CallDetail }) {
  const whole = Math.max(call.duration_ms, ...call.tries.map((each) => each.ended_ms ?? 0), 1)
  return (
    <section className="panel">
      <header>
        <h2>Timeline</h2>
        <span className="dim">0 to {formatMs(whole)}</span>
      </header>
      {call.tries.length === 0 && (
        <p className="dim">No provider was asked: the gateway answered by itself.</p>
      )}
      <ol className="timeline bare">
        {call.tries.map((attempt, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: attempts have no name but their place.
          <li key={place}>
            <span>
              {place + 1}. {attempt.provider}/{attempt.model}
              <br />
              <span className="dim">
                {attempt.key ? `key ${attempt.key}` : 'no key'}
                {attempt.role === 'repeat' && ', again'}
                {attempt.role === 'hedge' && ', beside the first'}
              </span>
            </span>
            <Lane attempt={attempt} wholeMs={whole} />
            <span>
              <Badge tone={attempt.status === null ? 'err' : toneOfStatus(attempt.status)}>
                {attempt.status ?? 'none'}
              </Badge>
              {attempt.error && <span className="dim"> {attempt.error}</span>}
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}

function Lane({ attempt, wholeMs }: { readonly attempt: LoggedAttempt; readonly wholeMs: number }) {
  const start = attempt.started_ms ?? 0
  const end = attempt.ended_ms ?? wholeMs
  const first = attempt.first_token_ms ?? attempt.first_byte_ms ?? end
  const at = (from: number, to: number) => ({
    insetInlineStart: `${(from / wholeMs) * 100}%`,
    inlineSize: `${(Math.max(0, to - from) / wholeMs) * 100}%`,
  })
  const isFailed = attempt.error !== undefined && attempt.error !== null && attempt.error !== ''
  const text = isFailed
    ? `failed after ${formatMs(end - start)}`
    : `waited ${formatMs(first - start)}, flowed ${formatMs(end - first)}`
  return (
    <div className="lane" role="img" aria-label={text} title={text}>
      {isFailed ? (
        <span className="failed" style={at(start, end)} />
      ) : (
        <>
          <span className="wait" style={at(start, first)} />
          <span className="flow" style={at(first, end)} />
        </>
      )}
    </div>
  )
}
