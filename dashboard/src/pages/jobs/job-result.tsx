import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { type ApiError, toApiError } from '../../data/api-error.ts'
import { useCallCredential } from '../../data/credential.ts'
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
        <Link to="/requests" search={{ q: id, range: '30d' }}>
          Its requests
        </Link>
      </div>
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
