import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import type { listLedger } from '../../../src/api/admin/contract-money.ts'
import { useHotkeys } from '../app/hotkeys.ts'
import { keepSearch } from '../app/url-state.ts'
import type { Answer } from '../data/ask.ts'
import type { LogDetail } from '../data/log-shapes.ts'
import { useAnswer } from '../data/use-answer.ts'
import { Badge, toneOfStatus } from '../parts/badge.tsx'
import { CopyButton, copyText } from '../parts/copy-button.tsx'
import { Loaded } from '../parts/states.tsx'
import { CallBodies } from './requests/call-bodies.tsx'
import { CallCost } from './requests/call-cost.tsx'
import { type CallDetail, readDetail } from './requests/call-detail.ts'
import { CallFacts } from './requests/call-facts.tsx'
import { besides } from './requests/order.ts'
import { Timeline } from './requests/timeline.tsx'
import { curlFor } from './snippets.ts'

/** Everything that is known of one call. */
export function RequestPage() {
  const { id = '' } = useParams({ strict: false }) as { id?: string }
  const detail = useAnswer<LogDetail>(`/api/logs/${encodeURIComponent(id)}`, {}, { isDue: true })
  return (
    <Loaded query={detail} lines={10}>
      {(answer) => <Inspector call={readDetail(answer)} key={answer.id} />}
    </Loaded>
  )
}

function Inspector({ call }: { readonly call: CallDetail }) {
  const navigate = useNavigate()
  const [isRaw, setRaw] = useState(false)
  const [hasLines, setHasLines] = useState(false)
  const ledger = useAnswer<Answer<typeof listLedger>>(
    '/api/ledger',
    { call_id: call.id },
    { everyMs: hasLines || call.attempts.length === 0 ? 10_000 : 1000 },
  )
  // They are written a moment after the answer.
  if (!hasLines && (ledger.data?.data.length ?? 0) > 0) setHasLines(true)
  const { newer, older } = besides(call.id)
  const go = (id: string | undefined) => {
    if (id)
      void navigate({ to: '/requests/$id', params: { id }, search: keepSearch, replace: true })
  }
  const curl = curlOf(call)
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
            search={{ from_request: call.id, ...(call.asked && { model: call.asked }) }}
          >
            Replay with…
          </Link>
          <CopyButton text={curl} label="As curl" />
        </div>
      </header>
      {call.error !== null && (
        <p className="panel">
          <b>{call.error}</b> {call.message}
        </p>
      )}
      <CallFacts call={call} />
      <Timeline call={call} />
      <CallCost ledger={ledger} />
      <CallBodies call={call} isRaw={isRaw} onRaw={setRaw} />
    </div>
  )
}

/** The call as it was made, where what was said is kept whole; else one like it, to be filled in. */
function curlOf({ request, asked }: CallDetail): string {
  const body =
    request && !request.truncated
      ? request.text
      : JSON.stringify({ model: asked, messages: [{ role: 'user', content: '…' }] })
  return curlFor(location.origin, '/v1/chat/completions', body)
}
