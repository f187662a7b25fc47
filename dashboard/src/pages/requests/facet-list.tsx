import { useState } from 'react'
import type { Range } from '../../app/time-range.tsx'
import { useUrlState } from '../../app/url-state.ts'
import { formatCount } from '../../data/format.ts'
import type { Facets } from '../../data/log-shapes.ts'
import { useAnswer } from '../../data/use-answer.ts'
import { filterQuery } from './log-filter.ts'

const shown = [
  'status',
  'error',
  'model',
  'provider',
  'key',
  'team',
  'customer',
  'kind',
  'dimension',
] as const
const valuesAtMost = 8
/** As in the style: below it they stand above the rows and would push them away. */
const besideFromPx = 1000

/** How many there are of each; a press narrows to it, another widens again. */
export function FacetList({ range }: { readonly range: Range }) {
  const [search, change] = useUrlState()
  const query = filterQuery(search)
  const [isOpen, setOpen] = useState(() => matchMedia(`(width > ${besideFromPx}px)`).matches)
  const facets = useAnswer<Facets>('/api/logs/facets', query, {
    late: range.times,
    name: range.name,
    everyMs: range.isLive ? 15_000 : false,
  })
  return (
    <aside aria-label="Narrow down">
      <details
        className="facets"
        open={isOpen}
        onToggle={(event) => setOpen(event.currentTarget.open)}
      >
        <summary>Narrow down</summary>
        {shown.map((name) => {
          const values = facets.data?.[name] ?? []
          const chosen = search[name]
          if (values.length === 0) return null
          return (
            <section key={name}>
              <h2>{name}</h2>
              <ul>
                {values.slice(0, valuesAtMost).map(({ value, calls }) => (
                  <li key={value}>
                    <button
                      type="button"
                      aria-pressed={chosen === value}
                      onClick={() =>
                        change(
                          { [name]: chosen === value ? undefined : value, after: undefined },
                          { push: true },
                        )
                      }
                    >
                      <span>{value}</span>
                      <span className="dim">{formatCount(calls)}</span>
                    </button>
                  </li>
                ))}
              </ul>
            </section>
          )
        })}
      </details>
    </aside>
  )
}
