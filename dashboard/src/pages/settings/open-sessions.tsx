import type { listSessions } from '../../../../src/api/admin/contract-session.ts'
import { type Answer, ask } from '../../data/ask.ts'
import { formatFullTime } from '../../data/format.ts'
import { useAnswer } from '../../data/use-answer.ts'
import { useChange } from '../../data/use-change.ts'
import { Badge } from '../../parts/badge.tsx'
import { Loaded } from '../../parts/states.tsx'
import { Table } from '../../parts/table.tsx'

type OpenSession = Answer<typeof listSessions>['data'][number]
const path = '/api/sessions'

/** Where else somebody is signed in, each to be ended by itself. */
export function OpenSessions() {
  const sessions = useAnswer<Answer<typeof listSessions>>(path)
  const end = useChange(
    ({ id }: OpenSession) => ask(`${path}/${encodeURIComponent(id)}`, { method: 'DELETE' }),
    { rereads: [path], told: () => 'The session was ended' },
  )
  return (
    <section className="panel">
      <h2>Open sessions</h2>
      <Loaded query={sessions}>
        {({ data }) => (
          <Table<OpenSession>
            label="Open sessions"
            rows={data}
            keyOf={({ id }) => id}
            columns={[
              { name: 'Since', kind: 'main', cell: (each) => formatFullTime(each.created_at) },
              { name: 'Last used', cell: (each) => formatFullTime(each.used_at), isSide: true },
              {
                name: 'Ends at the latest',
                cell: (each) => formatFullTime(each.expires_at),
                isSide: true,
              },
              {
                name: 'Actions',
                cell: (each) =>
                  each.current ? (
                    <Badge tone="ok">this one</Badge>
                  ) : (
                    <button
                      type="button"
                      aria-label={`End the session since ${formatFullTime(each.created_at)}`}
                      disabled={end.isPending}
                      onClick={() => end.mutate(each)}
                    >
                      End
                    </button>
                  ),
              },
            ]}
          />
        )}
      </Loaded>
    </section>
  )
}
