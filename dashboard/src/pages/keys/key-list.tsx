import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useUrlState } from '../../app/url-state.ts'
import type { ApiError } from '../../data/api-error.ts'
import { ask } from '../../data/ask.ts'
import { useAnswer } from '../../data/use-answer.ts'
import { useChange } from '../../data/use-change.ts'
import { Code } from '../../parts/code.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Field } from '../../parts/field.tsx'
import { Empty, Failure, Skeleton } from '../../parts/states.tsx'
import { KeyForm } from './key-form.tsx'
import { KeyReveal } from './key-reveal.tsx'
import { type Budgets, type KeyPage, keysPath, type NewKey, type VirtualKey } from './key-shapes.ts'
import { type KeyAct, KeyTable } from './key-table.tsx'
import { RotateForm } from './rotate-form.tsx'

type Open =
  | { readonly act: 'create' }
  | { readonly act: Exclude<KeyAct, 'switch'>; readonly key: VirtualKey }

export function KeyList() {
  const [{ search }, change] = useUrlState()
  const [open, setOpen] = useState<Open | null>(null)
  const [made, setMade] = useState<NewKey | null>(null)
  const query = search ? { search } : {}
  const pages = useInfiniteQuery<KeyPage, ApiError>({
    queryKey: [keysPath, 'pages', query],
    initialPageParam: null,
    refetchInterval: 5000,
    queryFn: ({ pageParam, signal }) =>
      ask<KeyPage>(keysPath, {
        query: {
          ...query,
          limit: '100',
          ...(typeof pageParam === 'string' && { after: pageParam }),
        },
        signal,
      }),
    getNextPageParam: ({ has_more, data }) => (has_more ? data.at(-1)?.id : undefined),
  })
  const budgets = useAnswer<Budgets>('/api/budgets', { scope: 'key' }, { everyMs: 5000 })
  const close = () => setOpen(null)
  const revoke = useChange(
    (key: VirtualKey) => ask(`${keysPath}/${key.id}`, { method: 'DELETE' }),
    {
      rereads: [keysPath],
      told: () => 'The key was revoked; it opens nothing any more',
      onDone: close,
    },
  )
  const toggle = useChange(
    (key: VirtualKey) =>
      ask(`${keysPath}/${key.id}/${key.enabled ? 'disable' : 'enable'}`, { method: 'POST' }),
    { rereads: [keysPath] },
  )
  const keys = pages.data?.pages.flatMap(({ data }) => data) ?? []
  return (
    <div className="stack">
      <div className="filters">
        <div className="search">
          <Field
            label="Search by name"
            type="search"
            value={search ?? ''}
            onChange={(value) => change({ search: value })}
          />
        </div>
        <button type="button" className="primary" onClick={() => setOpen({ act: 'create' })}>
          New key
        </button>
      </div>
      {pages.isError && <Failure error={pages.error} onRetry={() => void pages.refetch()} />}
      {pages.isPending && <Skeleton />}
      {keys.length > 0 && (
        <KeyTable
          keys={keys}
          budgets={budgets.data?.data ?? []}
          onAct={(act, key) => (act === 'switch' ? toggle.mutate(key) : setOpen({ act, key }))}
        />
      )}
      {pages.isSuccess && keys.length === 0 && (
        <Empty title={search ? `No key is called “${search}”` : 'No virtual keys yet'}>
          <p>A key says who calls, what they may use and what they may spend.</p>
          <Code
            text={`curl -u admin ${location.origin}${keysPath} \\\n  -H 'Content-Type: application/json' \\\n  -d '{"name":"team-web","budget":{"usd":"50.00","per":"month"}}'`}
          />
        </Empty>
      )}
      {pages.hasNextPage && (
        <button type="button" onClick={() => void pages.fetchNextPage()}>
          More keys
        </button>
      )}
      {open?.act === 'create' && <KeyForm before={null} onClose={close} onMade={setMade} />}
      {open?.act === 'change' && <KeyForm before={open.key} onClose={close} onMade={setMade} />}
      {open?.act === 'rotate' && <RotateForm target={open.key} onClose={close} onMade={setMade} />}
      {open?.act === 'revoke' && (
        <Confirm
          title={`Revoke ${open.key.name}`}
          text="Calls with it are refused at once and for ever. What it used stays in the ledger."
          verb="Revoke"
          typed={open.key.name}
          isBusy={revoke.isPending}
          onDo={() => revoke.mutate(open.key)}
          onClose={close}
        />
      )}
      {made && <KeyReveal made={made} onClose={() => setMade(null)} />}
    </div>
  )
}
