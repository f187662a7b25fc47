import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import type { listLedger } from '../../../src/api/admin/contract-money.ts'
import { useHotkeys } from '../app/hotkeys.ts'
import { keepSearch } from '../app/url-state.ts'
import type { Answer } from '../data/ask.ts'
import { formatCount, formatFullTime, formatMs } from '../data/format.ts'
import { useAnswer } from '../data/use-answer.ts'
import { Badge, toneOfStatus } from '../parts/badge.tsx'
import { CopyButton, copyText } from '../parts/copy-button.tsx'
import { Loaded } from '../parts/states.tsx'
import { CallBodies } from './requests/call-bodies.tsx'
import { CallCost } from './requests/call-cost.tsx'
import { type CallDetail, readDetail } from './requests/call-detail.ts'
import { besides } from './requests/order.ts'
import { Timeline } from './requests/timeline.tsx'
import { curlFor } from './snippets.ts'

export function RequestPage() {
  const { id = '' } = useParams({ strict: false }) as { id?: string }
  const detail = useAnswer<unknown>(`/api/logs/${encodeURIComponent(id)}`)
  return (
    <Loaded query={detail} lines={10}>
      {(answer) => <Inspector call={readDetail(answer)} key={id} />}
    </Loaded>
  )
}

function Inspector({ call }: { readonly call: CallDetail }) {
  const navigate = useNavigate()
  const [isRaw, setRaw] = useState(false)
  const ledger = useAnswer<Answer<typeof listLedger>>('/api/ledger', { call_id: call.id })
  const { newer, older } = besides(call.id)
  const go = (id: string | undefined) => {
    if (id)
      void navigate({ to: '/requests/$id', params: { id }, search: keepSearch, replace: true })
  }
  const request = call.bodies.find(({ part }) => part === 'request')
  const curl = curlFor(
    location.origin,
    '/v1/chat/completions',
    request && !request.truncated
      ? request.text
      : JSON.stringify({ model: call.route, messages: [{ role: 'user', content: '…' }] }),
  )
  useHotkeys({
    '[': () => go(newer),
    ']': () => go(older),
    k: () => go(newer),
    j: () => go(older),
    r: () => setRaw(!isRaw),
    c: () => void copyText(curl),
    Escape: () => void navigate({ to: '/requests', search: keepSearch }),
  })
  return (
    <div className="stack">
      <header className="page-head">
        <Link to="/requests" search={keepSearch}>
          Requests
        </Link>
        <h1 className="mono">{call.id}</h1>
        <CopyButton text={call.id} label="Id" />
        <Badge tone={toneOfStatus(call.status)}>
          {call.status} {call.error}
        </Badge>
        <div className="actions">
          <button type="button" disabled={!newer} onClick={() => go(newer)} aria-keyshortcuts="[">
            Newer
          </button>
          <button type="button" disabled={!older} onClick={() => go(older)} aria-keyshortcuts="]">
            Older
          </button>
          <Link
            className="button"
            to="/playground"
            search={{ from_request: call.id, model: call.route }}
          >
            Replay with…
          </Link>
          <CopyButton text={curl} label="As curl" />
        </div>
      </header>
      {call.message !== '' && (
        <p className="panel">
          <b>{call.error}</b> {call.message}
        </p>
      )}
      <section className="panel">
        <dl className="facts">
          <Fact name="When">{formatFullTime(call.at)}</Fact>
          <Fact name="Asked for">{call.route || '–'}</Fact>
          <Fact name="Answered by">
            {call.provider === '' ? 'nobody' : `${call.provider}/${call.model}`}
            {call.fallback > 0 && ` (fallback ${call.fallback})`}
          </Fact>
          <Fact name="Key">
            {call.key === '' ? (
              '–'
            ) : (
              <Link to="/requests" search={{ key: call.key }}>
                {call.key}
              </Link>
            )}
          </Fact>
          <Fact name="Time taken">{formatMs(call.duration_ms)}</Fact>
          <Fact name="First token">{formatMs(call.first_token_ms)}</Fact>
          <Fact name="Tokens">
            {formatCount(call.input_tokens)} in
            {call.cached_input_tokens > 0 && ` (${formatCount(call.cached_input_tokens)} cached)`},{' '}
            {formatCount(call.output_tokens)} out
            {call.reasoning_tokens > 0 && ` (${formatCount(call.reasoning_tokens)} reasoning)`}
          </Fact>
          <Fact name="Speed">{speedOf(call)}</Fact>
          <Fact name="Kind">{call.kind}</Fact>
          {call.label !== '' && <Fact name="Request id">{call.label}</Fact>}
          {call.agent !== '' && <Fact name="Client">{call.agent}</Fact>}
          {call.team !== '' && <Fact name="Team">{call.team}</Fact>}
          {call.customer !== '' && <Fact name="Customer">{call.customer}</Fact>}
          {Object.entries(call.dimensions).map(([name, value]) => (
            <Fact key={name} name={name}>
              {value}
            </Fact>
          ))}
        </dl>
      </section>
      <Timeline call={call} />
      <CallCost ledger={ledger} />
      <CallBodies call={call} isRaw={isRaw} onRaw={setRaw} />
    </div>
  )
}

function Fact({ name, children }: { readonly name: string; readonly children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function speedOf({ output_tokens, duration_ms, first_token_ms }: CallDetail): string {
  const flowingMs = duration_ms - (first_token_ms ?? 0)
  if (output_tokens === 0 || flowingMs < 1) return '–'
  return `${formatCount(Math.round(output_tokens / (flowingMs / 1000)))} tokens/s`
}
