import { formatMs } from '../../data/format.ts'
import { Badge, toneOfStatus } from '../../parts/badge.tsx'
import type { Attempt, CallDetail } from './call-detail.ts'

/** Attempt by attempt: whom it was sent to, how long it waited, when the answer flowed, how it ended. */
export function Timeline({ call }: { readonly call: CallDetail }) {
  const { attempts, durationMs, heldMs, firstTokenMs } = call
  const wholeMs = Math.max(durationMs, ...attempts.map(({ endMs }) => endMs ?? 0), 0.01)
  return (
    <section className="panel">
      <header>
        <h2>Timeline</h2>
        <span className="dim">
          0 to {formatMs(wholeMs)}
          {heldMs !== null &&
            `, the gateway's own part before the first attempt ${formatMs(heldMs)}`}
        </span>
      </header>
      {attempts.length === 0 && (
        <p className="dim">No provider was asked: the gateway answered by itself.</p>
      )}
      <ol className="timeline bare">
        {attempts.map((attempt, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: attempts have no name but their place.
          <li key={place}>
            <span>
              {place + 1}. {attempt.provider}/{attempt.model}
              <br />
              <span className="dim">
                {attempt.key ? `key ${attempt.key}` : 'no key'}
                {isAgain(attempts, place) && ', again'}
                {attempt.role === 'hedge' && ', beside the first'}
              </span>
            </span>
            <Lane
              attempt={attempt}
              wholeMs={wholeMs}
              firstTokenMs={place === attempts.length - 1 ? firstTokenMs : null}
            />
            <span>
              <Badge tone={attempt.status === null ? 'err' : toneOfStatus(attempt.status)}>
                {attempt.status ?? 'no answer'}
              </Badge>
              {attempt.error && <span className="dim"> {attempt.error}</span>}
              <br />
              <span className="dim">{formatMs((attempt.endMs ?? wholeMs) - attempt.startMs)}</span>
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}

/** Of the ledger a fallback is a repeat too; who reads it here sees that it is somebody else. */
function isAgain(attempts: readonly Attempt[], place: number): boolean {
  const own = attempts[place]
  return attempts
    .slice(0, place)
    .some(({ provider, model }) => provider === own?.provider && model === own.model)
}

function Lane(props: {
  readonly attempt: Attempt
  readonly wholeMs: number
  readonly firstTokenMs: number | null
}) {
  const { attempt, wholeMs, firstTokenMs } = props
  const { startMs, endMs, firstByteMs, error } = attempt
  const end = endMs ?? wholeMs
  const first = Math.min(firstTokenMs ?? firstByteMs ?? end, end)
  const at = (from: number, to: number) => ({
    insetInlineStart: `${(from / wholeMs) * 100}%`,
    inlineSize: `${(Math.max(0, to - from) / wholeMs) * 100}%`,
  })
  const text =
    error === null
      ? `began at ${formatMs(startMs)}, waited ${formatMs(first - startMs)}, answered for ${formatMs(end - first)}`
      : `began at ${formatMs(startMs)}, failed after ${formatMs(end - startMs)}`
  return (
    <div className="lane" role="img" aria-label={text} title={text}>
      {error === null ? (
        <>
          <span className="wait" style={at(startMs, first)} />
          <span className="flow" style={at(first, end)} />
        </>
      ) : (
        <span className="failed" style={at(startMs, end)} />
      )}
    </div>
  )
}
