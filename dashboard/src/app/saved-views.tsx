import { useState } from 'react'
import { usePreference } from '../data/preference.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Field } from '../parts/field.tsx'
import { type Search, useUrlState } from './url-state.ts'

interface View {
  readonly name: string
  readonly search: Search
}

/** Filters and times by a name, kept in this browser. The address of each is a link for others too. */
export function SavedViews({ of }: { readonly of: string }) {
  const [isOpen, setOpen] = useState(false)
  const [name, setName] = useState('')
  const [search, change] = useUrlState()
  const [kept, keep] = usePreference(`views.${of}`)
  const views = readViews(kept)
  const others = (left: string) => views.filter((view) => view.name !== left)
  const put = (next: readonly View[]) => keep(JSON.stringify(next))
  const show = (view: View) => {
    const none = Object.fromEntries(Object.keys(search).map((each) => [each, undefined]))
    change({ ...none, ...view.search }, { push: true })
    setOpen(false)
  }
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        Views
      </button>
      {isOpen && (
        <Dialog title="Saved views" onClose={() => setOpen(false)}>
          {views.length === 0 && (
            <p className="dim">None yet: name what you look at now, and come back to it by name.</p>
          )}
          <ul className="lines">
            {views.map((view) => (
              <li key={view.name}>
                <button type="button" className="link" onClick={() => show(view)}>
                  {view.name}
                </button>
                <span className="dim">{wordsOf(view.search)}</span>
                <button
                  type="button"
                  aria-label={`Forget ${view.name}`}
                  onClick={() => put(others(view.name))}
                >
                  Forget
                </button>
              </li>
            ))}
          </ul>
          <form
            onSubmit={(event) => {
              event.preventDefault()
              put([...others(name.trim()), { name: name.trim(), search }])
              setName('')
            }}
          >
            <Field
              label="Name of what is shown now"
              value={name}
              onChange={setName}
              hint={wordsOf(search)}
              required
            />
            <div className="actions">
              <button type="submit" className="primary" disabled={name.trim() === ''}>
                Save view
              </button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  )
}

const wordsOf = (search: Search): string =>
  Object.entries(search)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ') || 'no filter'

/** What an older program or a hand has left there may be anything. */
function readViews(text: string | null): readonly View[] {
  try {
    const found: unknown = JSON.parse(text ?? '[]')
    return Array.isArray(found) ? found.filter(isView) : []
  } catch {
    return []
  }
}

function isView(value: unknown): value is View {
  const { name, search } = (value ?? {}) as Partial<Record<keyof View, unknown>>
  return (
    typeof name === 'string' &&
    typeof search === 'object' &&
    search !== null &&
    Object.values(search).every((each) => typeof each === 'string')
  )
}
