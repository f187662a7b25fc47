import { useState } from 'react'
import type { getEffectivePrice, listPrices } from '../../../../src/api/admin/contract-money.ts'
import { type Answer, ask } from '../../data/ask.ts'
import { useAnswer } from '../../data/use-answer.ts'
import { useChange } from '../../data/use-change.ts'
import { Code } from '../../parts/code.tsx'
import { Field } from '../../parts/field.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import { Table } from '../../parts/table.tsx'

type Own = Answer<typeof listPrices>['data'][number]
type Price = Own['price']

/** What a model costs, and who says so. */
export function Prices() {
  const prices = useAnswer<Answer<typeof listPrices>>('/api/prices')
  const [model, setModel] = useState('')
  const look = useChange<void, Answer<typeof getEffectivePrice>>(
    () => ask('/api/prices/effective', { query: { model } }),
    { rereads: [] },
  )
  return (
    <div className="stack">
      <section className="panel">
        <h2>Price of a model</h2>
        <form
          className="filters"
          onSubmit={(event) => {
            event.preventDefault()
            look.mutate()
          }}
        >
          <div className="search">
            <Field
              label="provider/model"
              value={model}
              onChange={setModel}
              placeholder="openai/gpt-4o"
              required
            />
          </div>
          <button type="submit">Look up</button>
        </form>
        {look.data && (
          <p role="status">
            {look.data.price === null
              ? `Nobody knows a price of ${look.data.model}.`
              : priceText(look.data.price)}
          </p>
        )}
      </section>
      <section className="panel">
        <h2>Your own prices</h2>
        <Loaded query={prices}>
          {({ data }) =>
            data.length === 0 ? (
              <Empty title="No prices of your own">
                <p>Published prices hold. In the configuration file yours go before them:</p>
                <Code
                  text={
                    'prices:\n  openai/gpt-4o: { input_per_million: 2.5, output_per_million: 10 }'
                  }
                />
              </Empty>
            ) : (
              <Table<Own>
                label="Own prices"
                rows={data}
                keyOf={({ model: name, from }) => `${name} ${from}`}
                columns={[
                  { name: 'Model', kind: 'main', cell: (each) => each.model },
                  { name: 'Price', cell: ({ price }) => priceText(price) },
                  { name: 'Since', cell: ({ from }) => from ?? 'ever' },
                ]}
              />
            )
          }
        </Loaded>
      </section>
    </div>
  )
}

function priceText({ input, output, cached_input, source }: Price): string {
  const cached = cached_input ? `, $${cached_input.usd_per_million} cached` : ''
  return `$${input.usd_per_million} in${cached}, $${output.usd_per_million} out, per million tokens (${source})`
}
