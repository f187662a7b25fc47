import { useInfiniteQuery } from '@tanstack/react-query'
import type { listAudit } from '../../../../src/api/admin/contract-system.ts'
import { useUrlState } from '../../app/url-state.ts'
import type { ApiError } from '../../data/api-error.ts'
import { type Answer, ask } from '../../data/ask.ts'
import { formatFullTime } from '../../data/format.ts'
import { Select } from '../../parts/field.tsx'
import { JsonTree } from '../../parts/json-tree.tsx'
import { Empty, Failure, Skeleton } from '../../parts/states.tsx'
import { Table } from '../../parts/table.tsx'

type Page = Answer<typeof listAudit>
type Entry = Page['data'][number]
const path = '/api/audit'
const kinds = [
  '',
  'virtual_key',
  'team',
  'customer',
  'limit',
  'provider',
  'provider_key',
  'session',
  'job',
  'config',
  'ledger',
]

/** Who changed what, before and after. */
export function AuditList() {
  const [{ kind = '' }, change] = useUrlState()
  const pages = useInfiniteQuery<Page, ApiError>({
    queryKey: [path, 'pages', kind],
    initialPageParam: null,
    queryFn: ({ pageParam, signal }) =>
      ask<Page>(path, {
        query: {
          limit: '50',
          ...(kind && { kind }),
          ...(typeof pageParam === 'string' && { after: pageParam }),
        },
        signal,
      }),
    getNextPageParam: ({ has_more, data }) => (has_more ? data.at(-1)?.id : undefined),
  })
  const entries = pages.data?.pages.flatMap(({ data }) => data) ?? []
  return (
    <section className="panel">
      <header>
        <h2>Audit</h2>
        <div className="actions">
          <Select
            label="Kind"
            isCompact
            value={kind}
            onChange={(value) => change({ kind: value })}
            options={kinds.map((each) => [each, each === '' ? 'all' : each])}
          />
        </div>
      </header>
      {pages.isError && <Failure error={pages.error} onRetry={() => void pages.refetch()} />}
      {pages.isPending && <Skeleton />}
      {pages.isSuccess && entries.length === 0 && (
        <Empty title="Nothing was changed yet">
          <p>Each change is written down with who made it, and with what was before and after.</p>
        </Empty>
      )}
      {entries.length > 0 && (
        <Table<Entry>
          label="Audit"
          rows={entries}
          keyOf={({ id }) => id}
          columns={[
            { name: 'When', cell: ({ at }) => formatFullTime(at) },
            { name: 'Who', cell: ({ actor }) => actor },
            {
              name: 'What',
              kind: 'main',
              cell: ({ action, kind: what, target, before, after }) =>
                `${action} ${what} ${nameIn(after) ?? nameIn(before) ?? target}`,
            },
            {
              name: 'Before and after',
              isSide: true,
              cell: ({ before, after }) => <JsonTree value={changed(before, after)} isClosed />,
            },
            { name: 'Request', isSide: true, cell: ({ request_id }) => <code>{request_id}</code> },
          ]}
        />
      )}
      {pages.hasNextPage && (
        <button type="button" onClick={() => void pages.fetchNextPage()}>
          Older ones
        </button>
      )}
    </section>
  )
}

type Fields = Readonly<Record<string, unknown>>

/** Only what differs, each with what it was. */
function changed(earlier: object | null, later: object | null): Fields {
  const [before, after] = [earlier, later] as (Fields | null)[]
  if (!before || !after) return { ...before, ...after }
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return Object.fromEntries(
    [...names].flatMap((name) =>
      JSON.stringify(before[name]) === JSON.stringify(after[name])
        ? []
        : [[name, { before: before[name], after: after[name] }]],
    ),
  )
}

function nameIn(fields: object | null): string | null {
  const name = (fields as Fields | null)?.['name']
  return typeof name === 'string' ? name : null
}
