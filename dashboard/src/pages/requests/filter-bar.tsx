import { useState } from 'react'
import { TimeRange } from '../../app/time-range.tsx'
import { useUrlState } from '../../app/url-state.ts'
import { Field } from '../../parts/field.tsx'
import { Icon } from '../../parts/icon.tsx'
import { conditions, readFilterText } from './log-filter.ts'

/** What is looked for, in words; what is in force stands below, each to be taken out by itself. */
export function FilterBar() {
  const [search, change] = useUrlState()
  const [text, setText] = useState(search['q'] ?? '')
  const inForce = conditions.flatMap((name) => {
    const value = search[name]
    return value === undefined ? [] : [{ name, value }]
  })
  return (
    <>
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault()
          const changes = readFilterText(text)
          setText(changes['q'] ?? '')
          change({ ...changes, after: undefined }, { push: true })
        }}
      >
        <div className="search">
          <Field
            label="Search"
            type="search"
            value={text}
            onChange={setText}
            placeholder="an id, an error, or status:429 model:gpt-4o dim:app=shop slow:5000"
          />
        </div>
        <button type="submit">
          <Icon name="search" />
          Search
        </button>
        <TimeRange usual="24h" />
      </form>
      {(inForce.length > 0 || search['q']) && (
        <div className="chips">
          {inForce.map(({ name, value }) => (
            <button
              key={name}
              type="button"
              onClick={() => change({ [name]: undefined, after: undefined })}
              aria-label={`Take out ${name} ${value}`}
            >
              {name}: {value}
              <Icon name="close" />
            </button>
          ))}
          {search['q'] && (
            <button
              type="button"
              onClick={() => {
                setText('')
                change({ q: undefined, after: undefined })
              }}
              aria-label="Take out the words searched for"
            >
              “{search['q']}”
              <Icon name="close" />
            </button>
          )}
        </div>
      )}
    </>
  )
}
