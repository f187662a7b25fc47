import type { explainRoute } from '../../../../src/api/admin/contract-system.ts'
import type { Answer } from '../../data/ask.ts'
import { Badge } from '../../parts/badge.tsx'
import { Table } from '../../parts/table.tsx'
import { standingText, toneOfStanding } from '../overview/provider-health.tsx'

export type Explanation = Answer<typeof explainRoute>
type Candidate = Explanation['candidates'][number]

/** Whom a call would ask, in which order, and what speaks against the others. */
export function Explained({ explanation }: { readonly explanation: Explanation }) {
  const { route, candidates, hedge } = explanation
  const asked = candidates.filter(({ position }) => position !== null)
  const order = [
    ...asked.toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0)),
    ...candidates.filter(({ position }) => position === null),
  ]
  return (
    <div className="stack" role="status">
      <p>
        {explanation.model} means the route <b>{route}</b>;{' '}
        {asked.length === 0
          ? 'nobody would be asked.'
          : `${asked[0]?.target} would be asked first.`}
      </p>
      <Table<Candidate>
        label="Candidates"
        rows={order}
        keyOf={({ target, fallback }) => `${fallback} ${target}`}
        columns={[
          { name: 'Order', cell: ({ position }) => position ?? '–' },
          {
            name: 'Target',
            kind: 'main',
            cell: ({ target, fallback, upstream_model }) => (
              <>
                {target}
                {fallback > 0 && <span className="dim"> fallback {fallback}</span>}
                {upstream_model && !target.endsWith(`/${upstream_model}`) && (
                  <span className="dim"> as {upstream_model}</span>
                )}
              </>
            ),
          },
          {
            name: 'Keys',
            isSide: true,
            cell: ({ keys }) =>
              keys.map((key) => (
                <div key={key.key ?? ''}>
                  <Badge tone={toneOfStanding(key.state)}>{standingText(key)}</Badge>
                </div>
              )),
          },
          {
            name: 'Why not',
            cell: ({ skipped }) => skipped ?? <Badge tone="ok">would be asked</Badge>,
          },
        ]}
      />
      {hedge && (
        <p className="dim">
          A late answer is asked for again at {hedge.to ?? 'nobody'}:{' '}
          {hedge.stream.why_not ?? `streams after ${hedge.stream.after_ms ?? '?'} ms`},{' '}
          {hedge.plain.why_not ?? `plain calls after ${hedge.plain.after_ms ?? '?'} ms`}.
        </p>
      )}
    </div>
  )
}
