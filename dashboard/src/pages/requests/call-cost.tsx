import type { UseQueryResult } from '@tanstack/react-query'
import type { getEffectivePrice, listLedger } from '../../../../src/api/admin/contract-money.ts'
import type { ApiError } from '../../data/api-error.ts'
import type { Answer } from '../../data/ask.ts'
import { formatCount } from '../../data/format.ts'
import { useAnswer } from '../../data/use-answer.ts'
import { Loaded } from '../../parts/states.tsx'
import { Table } from '../../parts/table.tsx'
import { costFormula } from './cost-formula.ts'

type Ledger = Answer<typeof listLedger>
type Line = Ledger['data'][number]

/** What each attempt was charged and by which price; the lines are those of the bill. */
export function CallCost({ ledger }: { readonly ledger: UseQueryResult<Ledger, ApiError> }) {
  return (
    <section className="panel">
      <h2>Cost</h2>
      <Loaded query={ledger} lines={2}>
        {({ data }) =>
          data.length === 0 ? (
            <p className="dim">
              No line of the ledger: nothing was sent to a provider, or it is about to be written.
            </p>
          ) : (
            <Table<Line>
              label="Lines of the ledger"
              rows={data.toReversed()}
              keyOf={({ id }) => id}
              columns={[
                { name: 'Attempt', cell: ({ provider, model }) => `${provider}/${model}` },
                { name: 'Outcome', cell: ({ outcome }) => outcome },
                { name: 'Reckoned', kind: 'main', cell: (line) => <Reckoned line={line} /> },
                {
                  name: 'Cost',
                  kind: 'number',
                  cell: ({ cost_usd, estimated }) =>
                    `${cost_usd === null ? 'unpriced' : `$${cost_usd}`}${estimated ? ' (estimate)' : ''}`,
                },
                {
                  name: 'Charged to',
                  isSide: true,
                  cell: ({ charges }) =>
                    charges.map(({ scope, scope_id }) => `${scope} ${scope_id}`).join(', ') || '–',
                },
              ]}
            />
          )
        }
      </Loaded>
    </section>
  )
}

/** Tokens times prices where they are known, with where the prices are from. */
function Reckoned({ line }: { readonly line: Line }) {
  const price = useAnswer<Answer<typeof getEffectivePrice>>(
    '/api/prices/effective',
    { model: `${line.provider}/${line.model}`, at: line.at },
    { enabled: (line.cost_nanos ?? 0) > 0 },
  )
  const known = price.data?.price
  return (
    <>
      {(known && costFormula(line, known)) ?? tokensOf(line)}
      <br />
      <span className="dim">{line.price || 'no price is known'}</span>
    </>
  )
}

function tokensOf(line: Line): string {
  const plain = line.input_tokens - line.cached_input_tokens - line.cache_write_tokens
  const parts = [
    [plain, 'in'],
    [line.cached_input_tokens, 'cached'],
    [line.cache_write_tokens, 'written to the cache'],
    [line.output_tokens, 'out'],
    [line.reasoning_tokens, 'of them reasoning'],
  ] as const
  return (
    parts
      .flatMap(([count, what]) => (count > 0 ? [`${formatCount(count)} ${what}`] : []))
      .join(' + ') || '0'
  )
}
