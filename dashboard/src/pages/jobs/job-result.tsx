import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { getJobRow } from '../../../../src/api/admin/contract-system.ts'
import { type ApiError, toApiError } from '../../data/api-error.ts'
import type { Answer } from '../../data/ask.ts'
import { useCallCredential } from '../../data/credential.ts'
import { formatFullTime } from '../../data/format.ts'
import { useAnswer } from '../../data/use-answer.ts'
import { CopyButton } from '../../parts/copy-button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { JsonTree } from '../../parts/json-tree.tsx'
import { Loaded } from '../../parts/states.tsx'
import { CallAs } from '../playground/call-as.tsx'
import { ChatView } from '../requests/chat-view.tsx'

interface Job {
  readonly status: string
  readonly result?: object
  readonly error?: { readonly message?: string; readonly code?: string | null }
}

/** The answer of a job, asked for where callers ask for it, and with their kind of credential. */
export function JobResult({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const credential = useCallCredential()
  const job = useQuery<Job, ApiError>({
    queryKey: ['job', id, credential],
    enabled: credential !== null,
    refetchInterval: ({ state }) =>
      state.data && /completed|failed/.test(state.data.status) ? false : 2000,
    queryFn: async ({ signal }) => {
      const response = await fetch(`/v1/async/chat/completions/${encodeURIComponent(id)}`, {
        headers: { authorization: `Bearer ${credential}` },
        signal,
      })
      // A job that failed is answered with its own status; only an answer that is no job is a failure here.
      const body = (await response
        .clone()
        .json()
        .catch(() => null)) as Partial<Job> | null
      if (body?.status !== undefined) return body as Job
      throw await toApiError(response)
    },
  })
  return (
    <Dialog title={`Job ${id.slice(0, 8)}`} onClose={onClose}>
      <div className="actions">
        <CopyButton text={id} label="Id" />
      </div>
      <JobFacts id={id} />
      {credential === null ? (
        <CallAs why="A result is for its owner or the admin." />
      ) : (
        <Loaded query={job}>
          {(answer) => (
            <div className="stack">
              <p>
                <b>{answer.status}</b> {answer.error?.message}
              </p>
              {answer.result && (
                <>
                  <ChatView request={undefined} reply={JSON.stringify(answer.result)} />
                  <JsonTree value={answer.result} />
                </>
              )}
            </div>
          )}
        </Loaded>
      )}
    </Dialog>
  )
}

/** What befell it, as far as it is written down. */
function JobFacts({ id }: { readonly id: string }) {
  const row = useAnswer<Answer<typeof getJobRow>>(
    `/api/jobs/${encodeURIComponent(id)}`,
    {},
    { everyMs: 2000 },
  )
  return (
    <Loaded query={row} lines={2}>
      {({ status, owner, model, attempt, created_at, completed_at, expires_at, status_code }) => (
        <>
          <Link to="/requests" search={callsAround({ owner, created_at, completed_at })}>
            Calls of its time
          </Link>
          <dl className="facts">
            {(
              [
                ['State', status],
                ['Of', owner.replace(/^key:/, '')],
                ['Model', model],
                ['Submitted', formatFullTime(created_at)],
                [
                  'Taken up',
                  attempt === 0 ? 'not yet' : attempt === 1 ? 'once' : `${attempt} times`,
                ],
                ['Ended', completed_at === null ? 'not yet' : formatFullTime(completed_at)],
                ['Answered with', status_code],
                ['Result kept until', expires_at === null ? null : formatFullTime(expires_at)],
              ] as const
            ).map(
              ([name, value]) =>
                value !== null && (
                  <div key={name}>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                  </div>
                ),
            )}
          </dl>
        </>
      )}
    </Loaded>
  )
}

const aroundMs = 1000

/** The log does not know calls by their job, but whose they were, of which kind, and when. */
function callsAround(job: {
  readonly owner: string
  readonly created_at: string
  readonly completed_at: string | null
}): Readonly<Record<string, string>> {
  const at = (time: number) => new Date(time).toISOString()
  return {
    kind: 'submit,job',
    ...(job.owner.startsWith('key:') && { key: job.owner.slice(4) }),
    from: at(Date.parse(job.created_at) - aroundMs),
    to: at(aroundMs + (job.completed_at ? Date.parse(job.completed_at) : Date.now())),
  }
}
