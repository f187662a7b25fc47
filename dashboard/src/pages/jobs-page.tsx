import { useState } from 'react'
import type { listJobRows } from '../../../src/api/admin/contract-system.ts'
import { useUrlState } from '../app/url-state.ts'
import { type Answer, ask } from '../data/ask.ts'
import { formatCount } from '../data/format.ts'
import { useAnswer } from '../data/use-answer.ts'
import { useChange } from '../data/use-change.ts'
import { Code } from '../parts/code.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { Empty, Loaded } from '../parts/states.tsx'
import { JobCard } from './jobs/job-card.tsx'
import { JobResult } from './jobs/job-result.tsx'

export type JobRow = Answer<typeof listJobRows>['data'][number]

const path = '/api/jobs'
const columns = ['pending', 'processing', 'completed', 'failed'] as const
const refreshMs = 2000

/** Calls that are made later: what waits, what runs, what is done. */
export function JobsPage() {
  const [{ job: shown }, change] = useUrlState()
  const [doomed, setDoomed] = useState<JobRow | null>(null)
  const newest = useAnswer<Answer<typeof listJobRows>>(
    path,
    { limit: '100' },
    { everyMs: refreshMs },
  )
  // What waits may be older than a hundred others.
  const waiting = useAnswer<Answer<typeof listJobRows>>(
    path,
    { status: 'pending', limit: '50' },
    { everyMs: refreshMs },
  )
  const running = useAnswer<Answer<typeof listJobRows>>(
    path,
    { status: 'processing', limit: '50' },
    { everyMs: refreshMs },
  )
  const cancel = useChange(({ id }: JobRow) => ask(`${path}/${id}`, { method: 'DELETE' }), {
    rereads: [path],
    told: () => 'The job was cancelled',
    onDone: () => setDoomed(null),
  })
  const rowsOf = (status: (typeof columns)[number]): readonly JobRow[] => {
    if (status === 'pending') return waiting.data?.data ?? []
    if (status === 'processing') return running.data?.data ?? []
    return newest.data?.data.filter((each) => each.status === status) ?? []
  }
  return (
    <>
      <header className="page-head">
        <h1>Jobs</h1>
      </header>
      <Loaded query={newest}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty title="No jobs yet">
              <p>
                A call with one more header is made later: it is answered at once with an id, goes
                on when the connection is gone, and outlives a restart.
              </p>
              <Code
                text={`curl ${location.origin}/v1/chat/completions \\\n  -H "Authorization: Bearer $SLUICE_KEY" \\\n  -H 'Content-Type: application/json' \\\n  -H 'x-bf-async: true' \\\n  -d '{"model":"demo/slow","messages":[{"role":"user","content":"hi"}]}'`}
              />
            </Empty>
          ) : (
            <div className="board">
              {columns.map((status) => (
                <section key={status} className="panel">
                  <header>
                    <h2>{status}</h2>
                    <span className="dim">{formatCount(rowsOf(status).length)}</span>
                  </header>
                  <ul className="cards">
                    {rowsOf(status)
                      .slice(0, 30)
                      .map((job) => (
                        <JobCard
                          key={job.id}
                          job={job}
                          onOpen={() => change({ job: job.id }, { push: true })}
                          onCancel={() => setDoomed(job)}
                        />
                      ))}
                  </ul>
                </section>
              ))}
            </div>
          )
        }
      </Loaded>
      {shown !== undefined && <JobResult id={shown} onClose={() => change({ job: undefined })} />}
      {doomed && (
        <Confirm
          title={`Cancel job ${doomed.id.slice(0, 8)}`}
          text="What has not been sent is not made; what runs is cut, and what it used so far is paid."
          verb="Cancel the job"
          isBusy={cancel.isPending}
          onDo={() => cancel.mutate(doomed)}
          onClose={() => setDoomed(null)}
        />
      )}
    </>
  )
}
