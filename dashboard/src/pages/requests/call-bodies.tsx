import { useState } from 'react'
import { formatBytes } from '../../data/format.ts'
import type { KeptBody, LogDetail } from '../../data/log-shapes.ts'
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
  const { request, reply, record, content } = call
  const [at, setAt] = useState(0)
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
          <Absent content={content} />
        ))}
      {at === 1 && <Body body={request} content={content} isRaw={isRaw} />}
      {at === 2 && <Body body={reply} content={content} isRaw={isRaw} />}
      {at === 3 &&
        (isRaw ? <Code text={JSON.stringify(record, null, 2)} /> : <JsonTree value={record} />)}
    </section>
  )
}

const reasons: Readonly<Record<LogDetail['content'], string>> = {
  kept: 'This part was not said, or there was nothing to keep of it.',
  off: 'Nothing that is said is kept here. The operator decides: request_log.content is none, errors or all.',
  private: 'Nothing that this key says is kept: it has log_content: false.',
  only_errors: 'It went well, and only what failed is kept: request_log.content is errors.',
  no_memory: 'Too much was said at once to keep all of it; calls go before their log.',
  gone: 'It was kept, and its time is over: request_log.content_keep.',
  none: 'The call ended before anything was read.',
}

const Absent = ({ content }: { readonly content: LogDetail['content'] }) => (
  <p className="dim">{reasons[content]}</p>
)

function Body(props: {
  readonly body: KeptBody | null
  readonly content: LogDetail['content']
  readonly isRaw: boolean
}) {
  const { body, content, isRaw } = props
  if (!body) return <Absent content={content} />
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
