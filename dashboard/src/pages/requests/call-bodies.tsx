import { useState } from 'react'
import { formatBytes } from '../../data/format.ts'
import type { KeptBody } from '../../data/log-shapes.ts'
import { Code, Tabs } from '../../parts/code.tsx'
import { Check } from '../../parts/field.tsx'
import { JsonTree } from '../../parts/json-tree.tsx'
import type { CallDetail } from './call-detail.ts'
import { ChatView } from './chat-view.tsx'
import { parseOr } from './parse-or.ts'

const names = ['Conversation', 'Request', 'Reply', 'Record'] as const

/** What was said, as a conversation and as it was on the wire; where it is not kept, why. */
export function CallBodies(props: {
  readonly call: CallDetail
  readonly isRaw: boolean
  readonly onRaw: (isRaw: boolean) => void
}) {
  const { call, isRaw, onRaw } = props
  const [at, setAt] = useState(0)
  const request = call.bodies.find(({ part }) => part === 'request')
  const reply = call.bodies.find(({ part }) => part === 'reply')
  return (
    <section className="panel">
      <header>
        <h2>Content</h2>
        <div className="actions">
          <Check label="Raw" checked={isRaw} onChange={onRaw} />
        </div>
      </header>
      <Tabs names={names} at={at} onChange={setAt} label="Content" />
      {at === 0 &&
        (request || reply ? (
          <ChatView request={request?.text} reply={reply?.text} />
        ) : (
          <Absent call={call} />
        ))}
      {at === 1 && <Body body={request} call={call} isRaw={isRaw} />}
      {at === 2 && <Body body={reply} call={call} isRaw={isRaw} />}
      {at === 3 && (isRaw ? <Code text={call.raw} /> : <JsonTree value={parseOr(call.raw)} />)}
    </section>
  )
}

function Absent({ call }: { readonly call: CallDetail }) {
  return (
    <p className="dim">
      {call.bodiesMissing ??
        'Nothing that was said is kept. The configuration decides: request_log.content is none, errors or all; a key may be left out with log_content: false.'}
    </p>
  )
}

function Body(props: {
  readonly body: KeptBody | undefined
  readonly call: CallDetail
  readonly isRaw: boolean
}) {
  const { body, call, isRaw } = props
  if (!body) return <Absent call={call} />
  const parsed = parseOr(body.text)
  return (
    <>
      {body.truncated && (
        <p className="dim">
          Its beginning: {formatBytes(body.text.length)} of {formatBytes(body.size_bytes)} are kept.
        </p>
      )}
      {isRaw || typeof parsed === 'string' ? (
        <Code text={typeof parsed === 'string' ? body.text : JSON.stringify(parsed, null, 2)} />
      ) : (
        <JsonTree value={parsed} />
      )}
    </>
  )
}
