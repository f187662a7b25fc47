import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { formatCount, formatFullTime, formatMs } from '../../data/format.ts'
import type { CallDetail } from './call-detail.ts'

/** The call in short; what is unknown of it is left out. */
export function CallFacts({ call }: { readonly call: CallDetail }) {
  const facts: readonly (readonly [string, ReactNode])[] = [
    ['When', formatFullTime(call.at)],
    ['Asked for', call.asked ?? '–'],
    [
      'Answered by',
      `${call.servedBy ?? 'nobody'}${call.fallback > 0 ? ` (fallback ${call.fallback})` : ''}`,
    ],
    [
      'Key',
      call.key && (
        <Link to="/requests" search={{ key: call.key }}>
          {call.key}
        </Link>
      ),
    ],
    ['Time taken', formatMs(call.durationMs)],
    ['First byte', call.firstByteMs === null ? null : formatMs(call.firstByteMs)],
    ['First token', call.firstTokenMs === null ? null : formatMs(call.firstTokenMs)],
    ['The gateway’s part', call.ownMs === null ? null : formatMs(call.ownMs)],
    ['Tokens', tokensOf(call)],
    ['Speed', speedOf(call)],
    ['Kind', call.kind],
    [
      'Job',
      call.job && (
        <Link to="/jobs" search={{ job: call.job }}>
          {call.job.slice(0, 8)}
        </Link>
      ),
    ],
    ['Request id', call.requestId === call.id ? null : call.requestId],
    ['Client', call.agent],
    ['Client tried before', call.clientRetry > 0 ? `${call.clientRetry} times` : null],
    ['Left out for the provider', call.dropped.join(', ') || null],
    ['Team', call.team],
    ['Customer', call.customer],
    ...call.dimensions.map(
      ([name, value]) =>
        [
          name,
          <Link key={name} to="/requests" search={{ dimension: `${name}=${value}` }}>
            {value}
          </Link>,
        ] as const,
    ),
  ]
  return (
    <section className="panel">
      <dl className="facts">
        {facts
          .filter(([, value]) => value !== null)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  )
}

function tokensOf(call: CallDetail): string {
  const cached =
    call.cachedInputTokens > 0 ? ` (${formatCount(call.cachedInputTokens)} cached)` : ''
  const thought =
    call.reasoningTokens > 0 ? ` (${formatCount(call.reasoningTokens)} reasoning)` : ''
  return `${formatCount(call.inputTokens)} in${cached}, ${formatCount(call.outputTokens)} out${thought}`
}

function speedOf({ outputTokens, durationMs, firstTokenMs }: CallDetail): string | null {
  const flowingMs = durationMs - (firstTokenMs ?? 0)
  if (outputTokens === 0 || flowingMs < 1) return null
  return `${formatCount(Math.round(outputTokens / (flowingMs / 1000)))} tokens/s`
}
